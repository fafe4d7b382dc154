#include "gradzone/eval/backend.hpp"

#include <mutex>
#include <utility>

#include "gradzone/kernels/cuda/device.hpp"
#include "gradzone/kernels/cuda/device_kernels.hpp"

namespace gradzone {

struct Backend::Shared {
  std::unique_ptr<Device> device;
  std::mutex turn;
};

Backend::Backend(std::unique_ptr<Device> device) : shared_(std::make_shared<Shared>()) {
  shared_->device = std::move(device);
}

Device& Backend::device() const {
  return *shared_->device;
}

void Backend::run(const std::function<void()>& work) const {
  if (!shared_) return work();
  const std::lock_guard lock(shared_->turn);
  work();
}

Backend make_backend(Processor processor) {
  if (processor == Processor::cpu) return Backend::cpu;
  return make_cuda_device();
}

void check_formats(const Backend& backend, const std::vector<Format>& formats) {
  for (const Format format : formats) {
    if (backend.on_device()) {
      check_device_order(format.order, full_name(format));
    } else if (format.order == Order::tensor_cores) {
      refuse_without_card(full_name(format));
    }
  }
}

}  // namespace gradzone
