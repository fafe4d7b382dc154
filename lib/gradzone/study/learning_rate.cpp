#include "gradzone/study/learning_rate.hpp"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/study/published_rates.hpp"
#include "gradzone/study/rate_search.hpp"

namespace gradzone {
namespace {

std::string kind_of(const std::string& data) {
  return data.substr(0, data.find(':'));
}

double rate_of_search(const std::filesystem::path& folder, const TrainingTask& task, TrainingFormat format) {
  const std::filesystem::path file = folder / rate_search_file_name;
  const Json json = parse_json(read_text_file(file, largest_json_file), file.string());
  const auto refuse_unless = [&](const char* what, const std::string& found, const std::string& wanted) {
    if (found == wanted) return;
    throw UsageError(fmt::format("--lr from:{}: the search was one of {} {}, not {}", folder.string(), what,
                                 found, wanted));
  };
  try {
    const Json& searched = json.at("configuration");
    refuse_unless("the network", searched.at("network").get<std::string>(), task.net);
    refuse_unless("the data", kind_of(searched.at("data").get<std::string>()), kind_of(task.data));
    refuse_unless("the optimiser", searched.at("optimiser").at("kind").get<std::string>(),
                  std::string(name(task.optimiser.kind)));
    const Json& best = json.at("best");
    const std::string key(name(format));
    if (!best.contains(key))
      throw UsageError(fmt::format("--lr from:{}: {} was not searched", folder.string(), key));
    return best.at(key).at("lr").get<double>();
  } catch (const Json::exception&) {
    throw InputError(fmt::format("{}: not the result of gradzone search-lr", file.string()));
  }
}

}  // namespace

double learning_rate(const std::string& text, const TrainingTask& task, TrainingFormat format) {
  constexpr std::string_view from = "from:";
  if (text.starts_with(from)) return rate_of_search(text.substr(from.size()), task, format);
  constexpr std::string_view paper = "paper", paper_for = "paper:";
  if (text == paper || text.starts_with(paper_for)) {
    const std::string data = text == paper ? kind_of(task.data) : text.substr(paper_for.size());
    if (const auto rate = published_rate(task.net, data, task.optimiser.kind, format)) return *rate;
    throw UsageError(
        fmt::format("--lr {}: the paper has no rate for {} on {} with {} in {}: give a number or search one "
                    "(gradzone search-lr)",
                    text, task.net, data, name(task.optimiser.kind), name(format)));
  }
  double rate = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate);
  if (error != std::errc() || end != text.data() + text.size() || !(rate > 0) || rate > 1e6) {
    throw UsageError(fmt::format("--lr {}: write a positive number, paper, paper:DATA or from:FOLDER", text));
  }
  return rate;
}

}  // namespace gradzone
