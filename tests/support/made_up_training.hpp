// A training that never ran, for the tests of what reads trainings: two formats, both forms, collapses, NaNs,
// zones and times, and curves to compare it with. A function of its arguments alone.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gradzone/study/published_curves.hpp"
#include "gradzone/study/training_record.hpp"

namespace gradzone::tests {

/// fp16 and fp32, direct and composed, with these betas: fp16 composed collapses from beta = 1000 on.
inline TrainingRecord made_up_training(int epochs, int runs, const std::vector<double>& betas,
                                       const std::string& layer = "features.2") {
  TrainingRecord record;
  record.results.configuration =
      R"({"command": "gradzone train --net lenet5", "network": "lenet5", "data": "mnist:data/mnist",)"
      R"( "optimiser": {"kind": "sgd"}, "epochs": 100})";
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  for (const FormatId format : {FormatId::fp16, FormatId::fp32}) {
    for (const Form form : {Form::direct, Form::composed}) {
      for (const double beta : betas) {
        const bool collapses = format == FormatId::fp16 && form == Form::composed && beta >= 1000;
        for (int run = 0; run < runs; ++run) {
          const TrainUnit unit{format, form, beta, run};
          EpochRecord last;
          for (int epoch = 1; epoch <= epochs; ++epoch) {
            const double error = 0.05 / epoch + 0.001 * run + 1e-4 * std::log1p(beta);
            last = collapses ? EpochRecord{epoch, nan, 0.0987, nan, 0.098, 0.05}
                             : EpochRecord{epoch, 4 * error, 1 - 2 * error, 3 * error, 1 - error, 0.05};
            record.trace.push_back({unit, last});
            record.times.push_back({unit, epoch, 2 + 0.1 * run, 30000});
          }
          record.results.units.push_back({unit, last, {}});
          if (collapses) record.results.units.back().non_finite = NonFinite{1, 3 + run, layer};
          for (int step = 1; step <= 100; step += 2) {
            ZoneRow row{unit, 1, step, !collapses, {}};
            row.point.zone = step < 20 ? Zone::regular : Zone::compensation;
            if (step >= 20) row.point.cause = "rounding";
            if (step >= 20) row.point.cause_layer = layer;
            record.zones.push_back(row);
          }
        }
      }
    }
  }
  return record;
}

/// For network lenet5 and optimiser sgd at 16 and 32 bits.
inline std::vector<PublishedCurve> made_up_published(const std::vector<double>& betas) {
  std::vector<PublishedCurve> curves;
  for (const int bits : {16, 32}) {
    for (const double beta : betas) {
      PublishedCurve curve{"lenet5", "sgd", bits, beta, {}};
      for (int epoch = 1; epoch <= 100; ++epoch) {
        const double mean = 1 - 0.05 / epoch - 0.002;
        const bool collapses = bits == 16 && beta >= 1000;
        curve.epochs.push_back(
            {epoch,
             collapses ? Spread{0.098, 0, 0.098, 0.098} : Spread{mean, 0.001, mean - 0.002, mean + 0.002},
             10});
      }
      curves.push_back(curve);
    }
  }
  return curves;
}

}  // namespace gradzone::tests
