#include "gradzone/io/store.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/io/assembly.hpp"
#include "gradzone/io/configuration.hpp"
#include "gradzone/io/tables.hpp"

namespace gradzone {
namespace {

constexpr int magic = 0x677A6F6E;  // "gzon", SQLite's application_id
constexpr int schema_version = 2;
/// Finished points wait at most about so long for their transaction: what a killed audit computes again.
constexpr std::chrono::milliseconds commit_interval{200};

const Table<PointRecord> points_table("points", Rows::one);
const Table<BranchRecord> branches_table("branches", Rows::many);
const Table<GradientRecord> gradients_table("gradients", Rows::many);
const Table<SampleRow> samples_table("samples", Rows::many);
const Table<TieRow> ties_table("ties", Rows::many);
const Table<ImageRow> images_table("images", Rows::one);
const Table<TimingRow> timing_table("timing", Rows::one);

/// Better now than after the first point has been computed.
void check_writable(const std::filesystem::path& path) {
  if (::access(path.c_str(), W_OK) != 0) {
    throw InputError(fmt::format("{}: cannot be written: {}", path.string(), std::strerror(errno)));
  }
}

/// The store is made in memory and put into place as one file: there is never a half-made one.
void create_store(const std::filesystem::path& file, const std::string& configuration) {
  auto database = sqlite::Database::in_memory(file.string());
  database.execute("CREATE TABLE configuration (json TEXT NOT NULL)");
  sqlite::Statement insert(database, "INSERT INTO configuration VALUES (?)");
  insert.bind(0, std::string_view(configuration));
  insert.run();
  for (const std::string& sql :
       {points_table.create_sql(), branches_table.create_sql(), gradients_table.create_sql(),
        samples_table.create_sql(), ties_table.create_sql(), images_table.create_sql(),
        timing_table.create_sql()}) {
    database.execute(sql);
  }
  database.execute(
      fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", magic, schema_version));
  write_file_atomically(file, database.serialize());
}

/// Refuses everything but an undamaged store of a version that is known, before anything is written.
void check_store(sqlite::Database& database) {
  if (database.integer("PRAGMA application_id") != magic) {
    throw InputError(fmt::format("{}: not a gradzone result store", database.name()));
  }
  if (const std::int64_t version = database.integer("PRAGMA user_version"); version != schema_version) {
    throw InputError(fmt::format("{}: a result store of version {}, but this program reads version {}",
                                 database.name(), version, schema_version));
  }
  // SQLite would take a last page that was cut off as filled with zeros.
  if (std::filesystem::file_size(database.name()) % database.integer("PRAGMA page_size") != 0) {
    throw InputError(fmt::format("{}: cut off: restore it or choose another folder", database.name()));
  }
  if (const std::string report = database.text("PRAGMA quick_check(1)"); report != "ok") {
    throw InputError(
        fmt::format("{}: damaged ({}): restore it or choose another folder", database.name(), report));
  }
}

void check_same_audit(const sqlite::Database& database, const std::string& stored, const Json& now) {
  const std::vector<std::string> found = differences(parse_configuration(stored, database.name()), now);
  if (found.empty()) return;
  throw UsageError(
      fmt::format("{}: holds an audit with other options: {}: give another --out, or the same options",
                  database.name(), fmt::join(found, ", ")));
}

}  // namespace

struct ResultStore::State {
  explicit State(sqlite::Database checked)
      : database(std::move(checked)),
        configuration(database.text("SELECT json FROM configuration")),
        contains(database, "SELECT 1 FROM points WHERE format = ? AND point = ?"),
        insert_point(database, points_table.insert_sql()),
        insert_branch(database, branches_table.insert_sql()),
        insert_gradient(database, gradients_table.insert_sql()),
        insert_sample(database, samples_table.insert_sql()),
        insert_tie(database, ties_table.insert_sql()),
        insert_image(database, images_table.insert_sql()),
        insert_timing(database, timing_table.insert_sql()) {}

  ~State() {
    try {
      commit();
    } catch (const Error&) {
      // Whoever needs to know has called commit(); the points are computed again.
    }
  }
  void begin() {
    if (pending) return;
    pending.emplace(database, sqlite::Transaction::Kind::write);
    pending_since = std::chrono::steady_clock::now();
  }
  void commit() {
    if (!pending) return;
    try {
      pending->commit();
    } catch (...) {
      pending.reset();  // rolls back
      throw;
    }
    pending.reset();
  }
  void insert(const PointResult& result);

  std::unique_ptr<FolderLock> lock;  // empty while reading
  std::mutex mutex;                  // the statements are used by one thread at a time
  sqlite::Database database;
  std::string configuration;
  /// Points that are put while it is open are committed together: a point alone would wait for the disk.
  std::optional<sqlite::Transaction> pending;
  std::chrono::steady_clock::time_point pending_since;
  sqlite::Statement contains, insert_point, insert_branch, insert_gradient, insert_sample, insert_tie,
      insert_image, insert_timing;
};

ResultStore::ResultStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
ResultStore::ResultStore(ResultStore&&) noexcept = default;
ResultStore& ResultStore::operator=(ResultStore&&) noexcept = default;
ResultStore::~ResultStore() = default;

ResultStore ResultStore::open(const std::filesystem::path& folder, const std::string& configuration) {
  const Json wanted = parse_configuration(configuration, "the audit");
  create_writable_folder(folder);
  auto lock = std::make_unique<FolderLock>(folder);
  const std::filesystem::path file = folder / store_file_name;
  if (!std::filesystem::exists(std::filesystem::symlink_status(file))) create_store(file, configuration);
  check_writable(file);
  sqlite::Database database(file);
  check_store(database);
  auto state = std::make_unique<State>(std::move(database));
  check_same_audit(state->database, state->configuration, wanted);
  // A full disk is noticed when the journal is written, before the store itself is touched.
  state->database.execute("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL");
  state->lock = std::move(lock);
  return ResultStore(std::move(state));
}

ResultStore ResultStore::open_existing(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / store_file_name;
  if (!std::filesystem::exists(file)) {
    throw InputError(
        fmt::format("{}: there is no result store: run an audit with this --out", file.string()));
  }
  sqlite::Database database(file);  // writable: a killed audit's last transaction may have to be rolled back
  check_store(database);
  database.execute("PRAGMA query_only = ON");
  return ResultStore(std::make_unique<State>(std::move(database)));
}

const std::string& ResultStore::configuration() const {
  return state_->configuration;
}

bool ResultStore::contains(Index point, const std::string& format) const {
  const std::scoped_lock guard(state_->mutex);
  sqlite::Statement& query = state_->contains;
  query.bind(0, std::string_view(format));
  query.bind(1, point);
  const bool found = query.step();
  query.reset();
  return found;
}

void ResultStore::State::insert(const PointResult& result) {
  const Index point = result.point.point;
  const std::string& format = result.point.format;
  points_table.insert(insert_point, result.point, 0);
  Index position = 0;
  for (const BranchRecord& branch : result.branches) branches_table.insert(insert_branch, branch, position++);
  position = 0;
  for (const GradientRecord& gradient : result.gradients)
    gradients_table.insert(insert_gradient, gradient, position++);
  position = 0;
  for (const SampleRecord& sample : result.samples)
    samples_table.insert(insert_sample, {point, format, sample}, position++);
  position = 0;
  for (const TieWindow& tie : result.ties) ties_table.insert(insert_tie, {point, format, tie}, position++);
  if (!result.image.pixels.empty()) images_table.insert(insert_image, {point, format, result.image}, 0);
  timing_table.insert(insert_timing, {point, format, result.seconds}, 0);
}

void ResultStore::put(const PointResult& result) {
  const std::scoped_lock guard(state_->mutex);
  state_->begin();
  try {
    state_->insert(result);
    if (std::chrono::steady_clock::now() - state_->pending_since > commit_interval) state_->commit();
  } catch (...) {
    state_->pending.reset();  // rolls back
    throw;
  }
}

void ResultStore::commit() {
  const std::scoped_lock guard(state_->mutex);
  state_->commit();
}

AuditResults ResultStore::load() const {
  const std::scoped_lock guard(state_->mutex);
  state_->commit();
  sqlite::Database& database = state_->database;
  const sqlite::Transaction snapshot(database, sqlite::Transaction::Kind::read);
  Assembly assembly(parse_configuration(state_->configuration, database.name()), database.name());
  points_table.for_each(database, [&](PointRecord&& row) { assembly.add(std::move(row)); });
  branches_table.for_each(database, [&](BranchRecord&& row) {
    assembly.of(row.format, row.point).branches.push_back(std::move(row));
  });
  gradients_table.for_each(database, [&](GradientRecord&& row) {
    assembly.of(row.format, row.point).gradients.push_back(std::move(row));
  });
  samples_table.for_each(database, [&](SampleRow&& row) {
    assembly.of(row.format, row.point).samples.push_back(std::move(row.sample));
  });
  ties_table.for_each(
      database, [&](TieRow&& row) { assembly.of(row.format, row.point).ties.push_back(std::move(row.tie)); });
  images_table.for_each(
      database, [&](ImageRow&& row) { assembly.of(row.format, row.point).image = std::move(row.image); });
  timing_table.for_each(database,
                        [&](TimingRow&& row) { assembly.of(row.format, row.point).seconds = row.seconds; });
  return {state_->configuration, std::move(assembly).take()};
}

}  // namespace gradzone
