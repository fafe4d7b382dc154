// What a real evaluation is asked for, and how far it may go.
#pragma once

#include <cstdint>
#include <memory>

namespace gradzone {

class DeviceProducts;

/// The plain engine is MPFR balls throughout; the fast one does the same with filters, multiword products and
/// residues, and asks the plain one where it gives up.
enum class Engine { plain, fast };

/// verdict: zones, causes and proofs only; gradient: a certified gradient of every choice too.
enum class Work { verdict, gradient };

/// What may prove equality where enclosures cannot: residues modulo random primes (with a stated chance of
/// error below 2^-100), or only what leaves nothing to chance.
enum class ProofMode { residue, exact };

struct ReferenceOptions {
  Engine engine = Engine::fast;
  Work work = Work::gradient;
  ProofMode proof = ProofMode::residue;
  int bits = 106;          ///< of a certified gradient, relative to the largest entry of its tensor
  std::uint64_t seed = 0;  ///< of the random primes
  int start_bits = 128;    ///< plain engine: first precision of the balls
  int max_bits = 4096;     ///< last one; beyond it only exact methods are tried
  bool exact = true;       ///< structure identities and exact equality; off leaves enclosures alone
  /// Computes the fast engine's large products (fast/device_products.hpp); nullptr: the CPU. Results are the
  /// same. One may serve many evaluators.
  std::shared_ptr<DeviceProducts> device = nullptr;
};

/// Throws UsageError, one line, for options out of range.
void validate(const ReferenceOptions& options);

}  // namespace gradzone
