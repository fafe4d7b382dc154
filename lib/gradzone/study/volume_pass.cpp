#include "gradzone/study/volume_pass.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <span>

#include "gradzone/base/parallel.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/eval/places.hpp"
#include "gradzone/kernels/layout.hpp"
#include "gradzone/study/machine.hpp"
#include "gradzone/zones/auditor.hpp"
#include "gradzone/zones/float_comparison.hpp"

namespace gradzone {
namespace {

using Clock = std::chrono::steady_clock;

/// The mini-batches of a pass, as the reals see them and, in storage values of a format, the floats.
template <class F, class Memory>
class Batches {
 public:
  using Real = typename F::Real;
  struct Floats {
    typename Memory::template Tensor<Real> x;  ///< channels last
    std::vector<int> labels;
  };

  Batches(const Dataset& data, Index batch, Index count, const Backend& backend)
      : data_(data), batch_(batch), backend_(backend) {
    const double values = static_cast<double>(std::min(count * batch, data.size())) *
                          static_cast<double>(element_count(data.image_shape()));
    if (values * sizeof(Real) > static_cast<double>(quarter_of_memory(backend_))) return;
    kept_.resize(static_cast<std::size_t>(count));
    parallel_for(count, [&](Index k) { convert(k, kept_[static_cast<std::size_t>(k)]); });
  }

  MiniBatch reals(Index k) const {
    std::vector<Index> images(static_cast<std::size_t>(std::min(batch_, data_.size() - k * batch_)));
    std::iota(images.begin(), images.end(), k * batch_);
    return data_.batch(images);
  }
  /// `memory` holds them where they are not kept.
  const Floats& floats(Index k, Floats& memory) const {
    if (!kept_.empty()) return kept_[static_cast<std::size_t>(k)];
    convert(k, memory);
    return memory;
  }

 private:
  void convert(Index k, Floats& out) const {
    MiniBatch batch = reals(k);
    Tensor<Real> x = channels_last<Real>(to_format<F>(batch.x));
    backend_.run([&] { put(memory_of<Memory>(backend_), std::move(x), out.x); });
    out.labels = std::move(batch.labels);
  }

  const Dataset& data_;
  Index batch_;
  Backend backend_;
  std::vector<Floats> kept_;
};

/// Which mini-batches are certified whatever the floats say of them.
std::vector<bool> chosen_batches(const VolumePassOptions& o, Index init) {
  const bool all = o.certify.kind == CertificateRule::Kind::all;
  std::vector<bool> chosen(static_cast<std::size_t>(o.batches), all);
  if (o.certify.kind != CertificateRule::Kind::sample) return chosen;
  RandomStream random(o.seed, "volume certificates", static_cast<std::uint64_t>(init));
  const std::vector<Index> order = random_permutation(o.batches, random);
  for (const Index k :
       std::span(order).first(static_cast<std::size_t>(std::min(o.certify.sample, o.batches))))
    chosen[static_cast<std::size_t>(k)] = true;
  return chosen;
}

void count(VolumeRow& row, const ComparedBatch& compared) {
  const FloatDifference& d = compared.difference;
  ++row.batches;
  row.on_kink += compared.on_kink;
  row.first_layer += d.first != 0;
  row.any += d.inf != 0;
  for (std::size_t t = 0; t < row.over.size(); ++t) row.over[t] += d.stat_inf > published_taus[t];
  row.stat_inf = std::max(row.stat_inf, d.stat_inf);
  row.stat_l1 = std::max(row.stat_l1, d.stat_l1);
}

void count(VolumeRow& row, const VolumePoint& point) {
  ++row.points;
  if (!point.certified) return;
  ++row.certified;
  ++row.zones[static_cast<std::size_t>(point.point.zone)];
  const auto cause = std::ranges::find(cause_names, point.point.cause);
  if (cause != cause_names.end()) ++row.causes[static_cast<std::size_t>(cause - cause_names.begin())];
}

/// Memory: where the floats are compared.
template <class F, class Memory>
class TypedPass final : public VolumePass {
  using Comparison = FloatComparison<F, Memory>;

 public:
  TypedPass(const Graph& graph, const Dataset& data, Order order, VolumePassOptions options)
      : graph_(graph),
        rounded_(graph.with_scalars_of(F::id)),
        format_{F::id, order},
        options_(std::move(options)),
        batches_(data, options_.batch, options_.batches, options_.backend) {}

  std::optional<VolumeUnit> run(Index init, const std::function<bool()>& go_on) const override {
    const auto begin = Clock::now();
    VolumeUnit unit;
    VolumeRow& row = unit.row;
    row.format = full_name(format_);
    row.order = name(format_.order);
    row.init = init;
    row.seed = options_.seed + static_cast<std::uint64_t>(init);
    const Parameters parameters = initialise(graph_, options_.initialisation, row.seed);
    const Backend& backend = options_.backend;
    std::optional<Comparison> comparison;
    backend.run([&] {
      comparison.emplace(rounded_, parameters, format_.order, options_.form, options_.choices,
                         memory_of<Memory>(backend));
    });
    const std::vector<bool> chosen = chosen_batches(options_, init);
    std::unique_ptr<Auditor> auditor;  // most passes never need one
    typename Batches<F, Memory>::Floats memory;
    for (Index k = 0; k < options_.batches; ++k) {
      const auto& floats = batches_.floats(k, memory);
      ComparedBatch compared;
      backend.run([&] { compared = comparison->compare(floats.x, floats.labels); });
      count(row, compared);
      const bool hit = options_.hit.is_hit(compared.difference);
      if (hit && row.hits++ == 0) row.first_hit = k;
      const bool certify = chosen[static_cast<std::size_t>(k)] ||
                           (hit && options_.certify.kind == CertificateRule::Kind::hits);
      if (certify || compared.difference.inf != 0) {
        if (certify && !auditor) auditor = make_auditor(parameters);
        VolumePoint& point =
            unit.points.emplace_back(point_of(k, compared, floats.labels, certify ? auditor.get() : nullptr));
        point.init = init;
        count(row, point);
      }
      if (!go_on()) return std::nullopt;
      if (hit && options_.until_hit) break;
    }
    unit.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    return unit;
  }

 private:
  std::unique_ptr<Auditor> make_auditor(const Parameters& parameters) const {
    AuditOptions audit{format_, options_.form, options_.choices, {}, options_.backend};
    audit.reference.work = Work::verdict;
    audit.reference.seed = options_.seed;
    audit.reference.device = options_.products;
    return std::make_unique<Auditor>(graph_, parameters, audit);
  }

  /// Without an auditor the point says what the floats do, and nothing of a zone.
  VolumePoint point_of(Index k, const ComparedBatch& compared, const std::vector<int>& labels,
                       const Auditor* auditor) const {
    VolumePoint out;
    out.on_kink = compared.on_kink;
    out.delta_first_layer = compared.difference.first;
    out.certified = auditor != nullptr;
    PointRecord& p = out.point;
    if (auditor) {
      p = auditor->audit(batches_.reals(k)).point;
    } else {
      p.batch = static_cast<Index>(labels.size());
      p.format = full_name(format_);
      p.form = name(options_.form);
      p.choices = names(options_.choices);
      p.delta_float_inf = compared.difference.inf;
      p.delta_float_l1 = compared.difference.l1;
      p.stat_inf = compared.difference.stat_inf;
      p.stat_l1 = compared.difference.stat_l1;
      p.float_sees = compared.difference.inf != 0;
      p.predicted = compared.predicted;
    }
    p.point = k;
    p.first = k * options_.batch;
    p.label = first_labels(labels);
    return out;
  }

  const Graph& graph_;
  Graph rounded_;  ///< with the scalars of the format
  Format format_;
  VolumePassOptions options_;
  Batches<F, Memory> batches_;
};

}  // namespace

std::unique_ptr<VolumePass> make_volume_pass(const Graph& graph, const Dataset& data, Format format,
                                             VolumePassOptions options) {
  check_formats(options.backend, {format});
  return visit_format(format.id, [&](auto f) -> std::unique_ptr<VolumePass> {
    using F = typename decltype(f)::type;
    if (options.backend.on_device())
      return std::make_unique<TypedPass<F, DeviceMemory>>(graph, data, format.order, std::move(options));
    return std::make_unique<TypedPass<F, HostMemory>>(graph, data, format.order, std::move(options));
  });
}

}  // namespace gradzone
