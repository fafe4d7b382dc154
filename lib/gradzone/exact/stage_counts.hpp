// StageCounts: which stage of a real evaluation settled how many branches.
#pragma once

#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// How many branches (pre-activations, pooling windows) each stage of a real evaluation settled.
struct StageCounts {
  Index filter = 0;     ///< binary64 enclosures
  Index structure = 0;  ///< ties of equal identities
  Index multiword = 0;  ///< block fixed point enclosures
  Index residue = 0;    ///< ties and zeros by residues modulo random primes
  Index exact = 0;      ///< by enough primes, or by rationals
  Index mpfr = 0;       ///< balls of the plain engine
  Index undecided = 0;

  friend bool operator==(const StageCounts&, const StageCounts&) = default;
  StageCounts& operator+=(const StageCounts& other) {
    filter += other.filter;
    structure += other.structure;
    multiword += other.multiword;
    residue += other.residue;
    exact += other.exact;
    mpfr += other.mpfr;
    undecided += other.undecided;
    return *this;
  }
};

}  // namespace gradzone
