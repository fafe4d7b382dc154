// Search as bodies that a queue runs.
#pragma once

#include <utility>

#include "gradzone/eval/search.hpp"
#include "gradzone/eval/search_bodies.hpp"

namespace gradzone::device {

template <class F, class Queue>
class SearchOn final : public Search<F, DeviceMemory> {
 public:
  using Base = Search<F, DeviceMemory>;
  using typename Base::Real;
  using typename Base::Sets;
  using typename Base::T;

  SearchOn(DeviceMemory memory, Queue queue) : queue_(std::move(queue)) { found_.resize(*memory.device, 1); }

  void forget() override { run_each(queue_, 1, Forget{found_.data()}); }
  void for_non_finite(const T& t) override {
    run_each(queue_, t.size(), FindNonFinite<Real>{t.data.data(), found_.data()});
  }
  void for_equal(const T& t, Real value) override {
    run_each(queue_, t.size(), FindEqual<Real>{t.data.data(), value, found_.data()});
  }
  void for_ties(const Sets& sets, const T& maxima, Index window, bool zero_is_harmless) override {
    run_each(queue_, maxima.size(),
             FindTie<Real>{sets.data(), maxima.data.data(), window, zero_is_harmless, found_.data()});
  }
  void for_difference(const T& a, const T& b) override {
    run_each(queue_, a.size(), FindDifference<Real>{a.data.data(), b.data.data(), found_.data()});
  }
  bool found() override { return found_.download()[0] != 0; }

 private:
  Queue queue_;
  DeviceArray<int> found_;
};

}  // namespace gradzone::device
