// Comparisons of choices, volumes and whole audits on a device against those on the CPU: the same rows and
// bytes.
#include <tbb/global_control.h>

#include "../support/random_net.hpp"
#include "../support/scratch_folder.hpp"
#include "agree/agree_support.hpp"
#include "gradzone/arith/tensors.hpp"
#include "gradzone/kernels/cuda/host_device.hpp"
#include "gradzone/kernels/layout.hpp"
#include "gradzone/nets/nets.hpp"
#include "gradzone/study/audit_study.hpp"
#include "gradzone/study/volume_study.hpp"
#include "gradzone/zones/float_comparison.hpp"

namespace gradzone::agree {
namespace {

void expect_same(const ComparedBatch& expected, const ComparedBatch& actual) {
  EXPECT_EQ(expected.on_kink, actual.on_kink);
  EXPECT_EQ(expected.predicted, actual.predicted);
  EXPECT_EQ(bits_of(expected.difference.inf), bits_of(actual.difference.inf));
  EXPECT_EQ(bits_of(expected.difference.l1), bits_of(actual.difference.l1));
  EXPECT_EQ(bits_of(expected.difference.stat_inf), bits_of(actual.difference.stat_inf));
  EXPECT_EQ(bits_of(expected.difference.stat_l1), bits_of(actual.difference.stat_l1));
  EXPECT_EQ(bits_of(expected.difference.first), bits_of(actual.difference.first));
}

/// The mini-batch times so much: overflows are compared, too.
Tensor<double> scaled(Tensor<double> x, double scale) {
  for (double& v : x.data) v *= scale;
  return x;
}

/// How many of the mini-batches differ.
template <class F>
int compare_as_the_cpu(const support::RandomNet& net) {
  const Graph graph = net.graph.with_scalars_of(F::id);
  int different = 0;
  on_every_device([&](Device& device) {
    FloatComparison<F> cpu(graph, net.parameters, Order::chain, net.form, net.choices);
    FloatComparison<F, DeviceMemory> other(graph, net.parameters, Order::chain, net.form, net.choices,
                                           DeviceMemory{&device});
    for (const double scale : {1.0, 1e4, 1e300, 1.0}) {
      const auto x = channels_last<typename F::Real>(to_format<F>(scaled(net.batch.x, scale)));
      DeviceTensor<typename F::Real> there;
      upload(DeviceMemory{&device}, x, there);
      const ComparedBatch expected = cpu.compare(x, net.batch.labels);
      expect_same(expected, other.compare(there, net.batch.labels));
      different += expected.difference.inf != 0;
    }
  });
  return different;
}

TEST(DeviceComparison, finds_what_the_cpu_finds) {
  int different = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const support::RandomNet net = support::random_net(seed);
    SCOPED_TRACE(net.describe());
    different +=
        visit_format(net.format, [&](auto f) { return compare_as_the_cpu<typename decltype(f)::type>(net); });
    if (HasFailure()) return;
  }
  EXPECT_GT(different, 100);
}

VolumePassOptions pass_options(Backend backend) {
  VolumePassOptions options;
  options.choices = parse_choices("native,minimal,native+relu=1");
  options.batch = 4;
  options.batches = 2;
  options.certify = CertificateRule::parse("1");
  options.seed = 7;
  options.backend = std::move(backend);
  return options;
}

std::string tables_of(const VolumeUnit& unit) {
  return volume_csv({unit.row}) + volume_points_csv(unit.points);
}

TEST(DeviceComparison, passes_as_the_cpu) {
  const Graph graph = make_net("lenet5", BatchNorm::Mode::training);
  const Dataset data = load_dataset("glyphs:6", "train", 3);  // the last mini-batch has two
  const auto go_on = [] { return true; };
  auto small = std::make_unique<HostDevice>();
  small->pretend_free_memory(1000);  // too little to keep the mini-batches
  std::vector<Backend> backends{Backend(make_host_device()), Backend(std::move(small))};
  if (auto card = make_card()) backends.push_back(Backend(std::move(card)));
  for (const FormatId format : {FormatId::fp32, FormatId::fp16}) {
    const auto cpu = make_volume_pass(graph, data, {format}, pass_options(Backend::cpu));
    constexpr Index init = 1;
    const std::optional<VolumeUnit> expected = cpu->run(init, go_on);
    EXPECT_GT(expected->row.on_kink, 0);
    for (const Backend& backend : backends) {
      const auto other = make_volume_pass(graph, data, {format}, pass_options(backend));
      EXPECT_EQ(tables_of(*expected), tables_of(*other->run(init, go_on)));
    }
  }
  const Format other_order{FormatId::fp32, Order::pairwise};
  EXPECT_THROW(make_volume_pass(graph, data, other_order, pass_options(backends[0])), UsageError);
}

/// What a study leaves but for times.
std::vector<std::string> written(const std::filesystem::path& folder, std::vector<std::string> files) {
  for (std::string& file : files) file = support::content_of(folder / file);
  return files;
}

VolumeStudy small_volume(Backend backend) {
  VolumeStudy study;
  study.data = "glyphs:6";
  study.formats = parse_formats("fp32,fp16");
  study.inits = 2;
  study.batch = 4;
  study.backend = std::move(backend);
  return study;
}

TEST(DeviceComparison, volumes_of_several_threads_are_the_cpus) {
  const std::vector<std::string> files{"volume.json", "volume.csv", "points.csv", "summary.json"};
  const support::ScratchFolder cpu, other;
  LoadedVolume(small_volume(Backend::cpu)).run(cpu.path(), 1, {});
  LoadedVolume(small_volume(make_host_device())).run(other.path(), 4, {});
  EXPECT_EQ(written(cpu.path(), files), written(other.path(), files));
  VolumeStudy wrong = small_volume(make_host_device());
  wrong.formats = parse_formats("fp32,fp16/bias-first");
  EXPECT_THROW(LoadedVolume{wrong}, UsageError);
}

AuditStudy small_audit(Backend backend) {
  AuditStudy study;
  study.model = "lenet5:init=torch";
  study.data = "glyphs:40";
  study.formats = parse_formats("fp32,fp16");
  study.batch = 2;
  study.samples = 3;
  study.per_sample = true;
  study.reference.work = Work::verdict;
  study.backend = std::move(backend);
  return study;
}

TEST(DeviceComparison, audits_begin_on_a_cpu_and_end_on_a_device) {
  const std::vector<std::string> files{"points.csv", "branches.csv", "samples.csv", "summary.json"};
  const support::ScratchFolder cpu, mixed;
  LoadedStudy(small_audit(Backend::cpu)).run(cpu.path(), 1, {});
  std::stop_source stop;
  const auto stop_early = [&](std::int64_t done, std::int64_t) {
    if (done == 3) stop.request_stop();
  };
  const Watch first_half{stop_early, stop.get_token()};
  EXPECT_THROW(LoadedStudy(small_audit(Backend::cpu)).run(mixed.path(), 1, first_half), InterruptedError);
  LoadedStudy(small_audit(make_host_device())).run(mixed.path(), 4, {});
  EXPECT_EQ(written(cpu.path(), files), written(mixed.path(), files));
  AuditStudy wrong = small_audit(make_host_device());
  wrong.formats = parse_formats("fp32/lanes16");
  EXPECT_THROW(LoadedStudy{wrong}, UsageError);
}

}  // namespace
}  // namespace gradzone::agree
