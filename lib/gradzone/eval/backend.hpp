// Backend: what runs a float program. The same bits from each.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/kernels/processor.hpp"

namespace gradzone {

class Device;

/// Kernels of this process, plain loops or SIMD on threads; or a device, which threads take turns with.
/// Copies share the device.
class Backend {
 public:
  enum Kind { reference, cpu };

  Backend(Kind kind) : kind_(kind) {}
  Backend(std::unique_ptr<Device> device);

  bool on_device() const { return shared_ != nullptr; }
  /// Precondition: on_device(). For work inside run().
  Device& device() const;
  /// Precondition: not on_device().
  Kind kind() const { return kind_; }

  /// Runs `work`; on a device, as soon as no other thread has its turn. Loops in it are parallel_for's, whose
  /// waiting threads never begin a turn of their own.
  void run(const std::function<void()>& work) const;

 private:
  struct Shared;
  Kind kind_ = cpu;
  std::shared_ptr<Shared> shared_;
};

/// SIMD kernels, or the card of this machine. Throws UsageError if there is none.
Backend make_backend(Processor processor);

/// Throws UsageError for a format whose order the backend does not have.
void check_formats(const Backend& backend, const std::vector<Format>& formats);

}  // namespace gradzone
