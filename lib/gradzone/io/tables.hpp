// Tables of the result store, made from the column lists of columns.hpp. Internal to io/.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "gradzone/base/error.hpp"
#include "gradzone/io/columns.hpp"
#include "gradzone/io/sqlite.hpp"

namespace gradzone {

/// How many rows of a table a point has: rows that may repeat are numbered by a column `position`.
enum class Rows { one, many };

/// How each kind of member is stored. Doubles have no declared type: a REAL column would lose the sign of -0.
template <std::integral T>
const char* sql_type(T) {
  return "INTEGER NOT NULL";
}
inline const char* sql_type(double) {
  return "";
}
inline const char* sql_type(const std::string&) {
  return "TEXT NOT NULL";
}
inline const char* sql_type(Zone) {
  return "TEXT NOT NULL";
}
inline const char* sql_type(TieWindow::Kind) {
  return "TEXT NOT NULL";
}
inline const char* sql_type(const std::vector<int>&) {
  return "TEXT NOT NULL";
}
inline const char* sql_type(const std::vector<std::uint8_t>&) {
  return "BLOB NOT NULL";
}

const char* name(TieWindow::Kind kind);
/// Throws InputError for an unknown name.
TieWindow::Kind parse_tie_kind(const std::string& text);
/// "0,3,4"
std::string join_members(const std::vector<int>& members);
/// Throws InputError unless it is such a list.
std::vector<int> parse_members(const std::string& text);

/// Binds a record's members to a statement's parameters in the order of its columns.
class Binder {
 public:
  explicit Binder(sqlite::Statement& statement) : statement_(statement) {}

  void operator()(const char*, double v) { statement_.bind(next_++, v); }
  void operator()(const char*, const std::string& v) { statement_.bind(next_++, std::string_view(v)); }
  void operator()(const char*, Zone v) { statement_.bind(next_++, std::string_view(name(v))); }
  void operator()(const char*, TieWindow::Kind v) { statement_.bind(next_++, std::string_view(name(v))); }
  void operator()(const char*, const std::vector<int>& v) {
    statement_.bind(next_++, std::string_view(join_members(v)));
  }
  void operator()(const char*, const std::vector<std::uint8_t>& v) {
    statement_.bind(next_++, std::span<const std::uint8_t>(v));
  }
  template <std::integral T>
  void operator()(const char*, T v) {
    statement_.bind(next_++, static_cast<Index>(v));
  }

 private:
  sqlite::Statement& statement_;
  int next_ = 0;
};

/// Reads a row's columns into a record's members.
class Fetcher {
 public:
  explicit Fetcher(const sqlite::Statement& statement) : statement_(statement) {}

  void operator()(const char*, double& v) { v = statement_.number(next_++); }
  void operator()(const char*, std::string& v) { v = statement_.text(next_++); }
  void operator()(const char*, Zone& v) { v = parse_zone(statement_.text(next_++)); }
  void operator()(const char*, TieWindow::Kind& v) { v = parse_tie_kind(statement_.text(next_++)); }
  void operator()(const char*, std::vector<int>& v) { v = parse_members(statement_.text(next_++)); }
  void operator()(const char*, std::vector<std::uint8_t>& v) { v = statement_.bytes(next_++); }
  template <std::integral T>
  void operator()(const char*, T& v) {
    v = static_cast<T>(statement_.integer(next_++));
  }

 private:
  const sqlite::Statement& statement_;
  int next_ = 0;
};

/// One table, with a row or many for each record.
template <class Record>
class Table {
 public:
  Table(std::string table_name, Rows rows) : name_(std::move(table_name)), rows_(rows) {}

  std::string create_sql() const {
    std::string columns;
    const Record record{};
    visit_columns(record, [&](const char* column, const auto& value) {
      columns += fmt::format("\"{}\" {}, ", column, sql_type(value));
    });
    if (rows_ == Rows::many) columns += "position INTEGER NOT NULL, ";
    return fmt::format("CREATE TABLE {} ({}PRIMARY KEY ({}))", name_, columns, key());
  }

  std::string insert_sql() const {
    std::string parameters = "?";
    for (int i = 1; i < column_count() + (rows_ == Rows::many ? 1 : 0); ++i) parameters += ", ?";
    return fmt::format("INSERT INTO {} VALUES ({})", name_, parameters);
  }

  /// Every row, by format, point and position.
  std::string select_sql() const { return fmt::format("SELECT * FROM {} ORDER BY {}", name_, key()); }

  /// `position` counts within the point; it is stored in tables with many rows a point.
  void insert(sqlite::Statement& statement, const Record& record, Index position) const {
    visit_columns(record, Binder(statement));
    if (rows_ == Rows::many) statement.bind(column_count(), position);
    statement.run();
  }

  /// Calls `use(Record&&)` for every row. Throws InputError for values that no audit writes.
  template <class Use>
  void for_each(sqlite::Database& database, Use use) const {
    sqlite::Statement query(database, select_sql());
    while (query.step()) {
      Record record;
      try {
        visit_columns(record, Fetcher(query));
      } catch (const Error& error) {
        throw InputError(fmt::format("{}: damaged: {}", database.name(), error.what()));
      }
      use(std::move(record));
    }
  }

 private:
  const char* key() const { return rows_ == Rows::many ? "format, point, position" : "format, point"; }
  static int column_count() {
    int count = 0;
    const Record record{};
    visit_columns(record, [&](const char*, const auto&) { ++count; });
    return count;
  }

  std::string name_;
  Rows rows_;
};

}  // namespace gradzone
