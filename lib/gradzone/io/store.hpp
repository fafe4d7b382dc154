// ResultStore: everything an audit has found so far, in one SQLite file. A point is stored whole or not at
// all, so an audit that is killed at any moment continues where it was.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "gradzone/io/results.hpp"
#include "gradzone/zones/record.hpp"

namespace gradzone {

/// The file's name inside the folder of an audit.
inline constexpr const char* store_file_name = "store.sqlite";

class ResultStore {
 public:
  /// Opens the store of a folder for an audit; creates folder and store where they are missing.
  /// `configuration` is a JSON object (see AuditResults) that says everything the results depend on.
  ///
  /// Throws UsageError if the store holds an audit with another configuration, naming the keys that differ
  /// (`command` may differ: the first run's is kept), or if another process is writing to it; InputError if
  /// the folder cannot be written or the file is not a store that this version reads (the file is then
  /// untouched); InterruptedError on a full disk.
  static ResultStore open(const std::filesystem::path& folder, const std::string& configuration);
  /// Opens the store of a folder for reading, also while an audit is writing to it. Throws InputError if
  /// there is none.
  static ResultStore open_existing(const std::filesystem::path& folder);

  ResultStore(ResultStore&&) noexcept;
  ResultStore& operator=(ResultStore&&) noexcept;
  ~ResultStore();

  /// The configuration of the first run, as it gave it.
  const std::string& configuration() const;

  // The functions below may be called from several threads.

  bool contains(Index point, const std::string& format) const;
  /// Stores a point, wholly or not at all; it is on disk after commit(), which comes by itself about five
  /// times a second and when the store is closed. Precondition: !contains(...). Throws InterruptedError on a
  /// full disk; the points committed before stay.
  void put(const PointResult& result);
  void commit();
  /// Everything stored, in the order of AuditResults.
  AuditResults load() const;

 private:
  struct State;
  explicit ResultStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gradzone
