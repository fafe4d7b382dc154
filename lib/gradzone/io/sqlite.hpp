// The few things that the result store needs of SQLite, with owners and with errors that say what to do.
// Internal to io/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace gradzone::sqlite {

class Database;

/// A prepared statement. Parameters and columns count from 0.
class Statement {
 public:
  Statement(Database& database, const std::string& sql);
  Statement(Statement&&) = default;
  Statement& operator=(Statement&&) = default;

  void bind(int parameter, std::int64_t value);
  void bind(int parameter, double value);  ///< a NaN becomes NULL
  void bind(int parameter, std::string_view text);
  void bind(int parameter, std::span<const std::uint8_t> bytes);

  /// Fetches the next row; false when there is none. Resets the statement at the end and on errors.
  bool step();
  /// For statements without rows.
  void run();
  /// Gives up the rows that are left.
  void reset();

  std::int64_t integer(int column) const;
  double number(int column) const;  ///< a NULL becomes a NaN
  std::string text(int column) const;
  std::vector<std::uint8_t> bytes(int column) const;

 private:
  void check(int status) const;

  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// An open database. Errors name its file: InputError if it is not a database, damaged or not accessible,
/// InterruptedError if the disk is full or another process keeps it locked.
class Database {
 public:
  /// Opens an existing file for reading and writing.
  explicit Database(const std::filesystem::path& file);
  /// A new database in memory; `name` stands for it in errors.
  static Database in_memory(const std::string& name);

  void execute(const std::string& sql);
  /// The first column of the first row of a query.
  std::int64_t integer(const std::string& sql);
  std::string text(const std::string& sql);
  /// The bytes that the database would have as a file.
  std::vector<std::byte> serialize();

  const std::string& name() const { return name_; }
  [[noreturn]] void fail(int status);

 private:
  friend class Statement;
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  Database(std::string name, const char* location, int flags);

  std::string name_;
  std::unique_ptr<sqlite3, Close> handle_;
};

/// Everything or nothing: rolled back unless commit() was reached. Reading sees one state of the database,
/// whatever another process writes meanwhile.
class Transaction {
 public:
  enum class Kind { read, write };
  Transaction(Database& database, Kind kind);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace gradzone::sqlite
