// The host as a device: what it would show of work that a card could not record, or not do side by side.
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "gradzone/arith/formats.hpp"
#include "gradzone/kernels/cuda/bodies/loss.hpp"
#include "gradzone/kernels/cuda/device_memory.hpp"
#include "gradzone/kernels/cuda/host_device.hpp"

namespace gradzone::agree {
namespace {

using device::ChainSum;
using device::Fill;
using device::HostQueue;
using device::run_each;

class DeviceOfTheHost : public ::testing::Test {
 protected:
  void SetUp() override {
    for (DeviceArray<float>* array : {&a_, &b_, &c_}) array->resize(device_, 4);
  }
  void fill(DeviceArray<float>& array, float value) { run_each(queue_, 4, Fill<float>{array.data(), value}); }
  void sum(DeviceArray<float>& array, DeviceArray<float>& to) {
    run_each(queue_, 1, ChainSum<Fp32>{array.data(), to.data(), 4});
  }

  HostDevice device_;
  HostQueue queue_{device_};
  DeviceArray<float> a_, b_, c_;
};

TEST_F(DeviceOfTheHost, plays_back_what_it_recorded) {
  Recording recording;
  float value = 1;
  for (int run = 0; run < 5; ++run, value += 1) {
    device_.run(recording, [&] {
      fill(a_, value);
      sum(a_, b_);
    });
    const float recorded = std::min(value, 3.0f);  // the third run's number, whatever the host says later
    EXPECT_EQ(b_.download()[0], 4 * recorded);
  }
  EXPECT_EQ(device_.playbacks(), 2);
}

TEST_F(DeviceOfTheHost, records_nothing_that_moves_memory) {
  Recording recording;
  for (std::size_t run = 1; run <= 5; ++run) device_.run(recording, [&] { a_.resize(device_, 8 * run); });
  EXPECT_EQ(device_.playbacks(), 0);
}

TEST_F(DeviceOfTheHost, refuses_recorded_work_that_waits_for_an_answer) {
  Recording recording;
  const auto work = [&] {
    fill(a_, 1);
    a_.download();
  };
  device_.run(recording, work);
  device_.run(recording, work);
  EXPECT_THROW(device_.run(recording, work), std::logic_error);
  EXPECT_NO_THROW(a_.download());
}

TEST_F(DeviceOfTheHost, does_work_side_by_side_and_records_it) {
  Recording recording;
  for (int run = 0; run < 4; ++run) {
    device_.run(recording, [&] {
      device_.side_by_side([&] { fill(a_, 2); }, [&] { fill(b_, 3); });
      sum(a_, c_);
    });
    EXPECT_EQ(c_.download()[0], 8);
    EXPECT_EQ(b_.download()[3], 3);
  }
  EXPECT_EQ(device_.playbacks(), 1);
}

TEST_F(DeviceOfTheHost, shows_work_that_may_not_be_side_by_side) {
  // Each piece uses c_ between its launches; in either order, one after the other, both would be right.
  DeviceArray<float> first, second;
  first.resize(device_, 1);
  second.resize(device_, 1);
  const auto piece = [&](float value, DeviceArray<float>& to) {
    return [&, value] {
      fill(c_, value);
      sum(c_, to);
    };
  };
  device_.side_by_side(piece(1, first), piece(2, second));
  EXPECT_NE(first.download()[0] == 4, second.download()[0] == 8);
  EXPECT_THROW(device_.side_by_side([&] { c_.download(); }, [] {}), std::logic_error);
}

}  // namespace
}  // namespace gradzone::agree
