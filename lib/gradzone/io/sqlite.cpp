#include "gradzone/io/sqlite.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <cmath>
#include <stdexcept>

#include "gradzone/base/error.hpp"

namespace gradzone::sqlite {

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}
void Database::Close::operator()(sqlite3* handle) const {
  sqlite3_close_v2(handle);
}

Statement::Statement(Database& database, const std::string& sql) : database_(&database) {
  sqlite3_stmt* statement = nullptr;
  check(sqlite3_prepare_v2(database.handle_.get(), sql.c_str(), static_cast<int>(sql.size()) + 1, &statement,
                           nullptr));
  statement_.reset(statement);
}

void Statement::check(int status) const {
  if (status != SQLITE_OK) database_->fail(status);
}

// SQLite counts parameters from 1.
void Statement::bind(int parameter, std::int64_t value) {
  check(sqlite3_bind_int64(statement_.get(), parameter + 1, value));
}

void Statement::bind(int parameter, double value) {
  check(std::isnan(value) ? sqlite3_bind_null(statement_.get(), parameter + 1)
                          : sqlite3_bind_double(statement_.get(), parameter + 1, value));
}

void Statement::bind(int parameter, std::string_view text) {
  check(sqlite3_bind_text64(statement_.get(), parameter + 1, text.data(), text.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8));
}

void Statement::bind(int parameter, std::span<const std::uint8_t> bytes) {
  // A null pointer would bind NULL instead of no bytes.
  const void* data = bytes.empty() ? "" : static_cast<const void*>(bytes.data());
  check(sqlite3_bind_blob64(statement_.get(), parameter + 1, data, bytes.size(), SQLITE_TRANSIENT));
}

bool Statement::step() {
  const int status = sqlite3_step(statement_.get());
  if (status == SQLITE_ROW) return true;
  if (status == SQLITE_DONE) {
    reset();
    return false;
  }
  try {
    database_->fail(status);
  } catch (...) {
    reset();
    throw;
  }
}

void Statement::run() {
  while (step()) {
  }
}

/// The status repeats the last step's error, which has been reported already.
void Statement::reset() {
  sqlite3_reset(statement_.get());
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double Statement::number(int column) const {
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return sqlite3_column_double(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::vector<std::uint8_t> Statement::bytes(int column) const {
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return data == nullptr ? std::vector<std::uint8_t>() : std::vector<std::uint8_t>(data, data + size);
}

Database::Database(const std::filesystem::path& file)
    : Database(file.string(), file.c_str(), SQLITE_OPEN_READWRITE) {
  // A report may read for a while.
  sqlite3_busy_timeout(handle_.get(), 60'000);
}

Database Database::in_memory(const std::string& name) {
  return {name, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE};
}

Database::Database(std::string name, const char* location, int flags) : name_(std::move(name)) {
  sqlite3* handle = nullptr;
  const int status = sqlite3_open_v2(location, &handle, flags, nullptr);
  handle_.reset(handle);
  if (status != SQLITE_OK) fail(status);
  sqlite3_extended_result_codes(handle, 1);
}

void Database::execute(const std::string& sql) {
  const int status = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (status != SQLITE_OK) fail(status);
}

std::int64_t Database::integer(const std::string& sql) {
  Statement query(*this, sql);
  const std::int64_t value = query.step() ? query.integer(0) : 0;
  query.reset();
  return value;
}

std::string Database::text(const std::string& sql) {
  Statement query(*this, sql);
  std::string value = query.step() ? query.text(0) : std::string();
  query.reset();
  return value;
}

std::vector<std::byte> Database::serialize() {
  sqlite3_int64 size = 0;
  const std::unique_ptr<unsigned char, void (*)(void*)> image(
      sqlite3_serialize(handle_.get(), "main", &size, 0), sqlite3_free);
  if (!image) fail(SQLITE_NOMEM);
  const auto* begin = reinterpret_cast<const std::byte*>(image.get());
  return {begin, begin + size};
}

void Database::fail(int status) {
  const int error = handle_ ? sqlite3_system_errno(handle_.get()) : 0;
  const bool disk_full = error == ENOSPC || error == EDQUOT;
  const char* what = handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(status);
  const int kind = status & 0xff;
  if (kind == SQLITE_FULL || (disk_full && (kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN))) {
    throw InterruptedError(
        fmt::format("{}: the disk is full; every finished point is kept: free some space and run the same "
                    "command to continue",
                    name_));
  }
  switch (kind) {
    case SQLITE_IOERR:
      throw InterruptedError(fmt::format(
          "{}: {}; every finished point is kept: mend the disk and run the same command to continue", name_,
          what));
    case SQLITE_BUSY:
      throw InterruptedError(fmt::format(
          "{}: another process keeps it locked: wait for it to end and run the same command to continue",
          name_));
    case SQLITE_NOTADB:
      throw InputError(fmt::format("{}: not a gradzone result store", name_));
    case SQLITE_CORRUPT:
      throw InputError(
          fmt::format("{}: damaged or cut off ({}): restore it or choose another folder", name_, what));
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      throw InputError(fmt::format("{}: cannot be written: {}", name_, what));
    case SQLITE_NOMEM:
      throw std::bad_alloc();
    case SQLITE_CONSTRAINT:
    case SQLITE_MISUSE:
      throw std::logic_error(fmt::format("{}: {}", name_, what));
    default:
      throw InputError(fmt::format("{}: not usable as a result store: {}", name_, what));
  }
}

Transaction::Transaction(Database& database, Kind kind) : database_(database) {
  database_.execute(kind == Kind::write ? "BEGIN IMMEDIATE" : "BEGIN");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    database_.execute("ROLLBACK");
  } catch (const std::exception&) {
    // SQLite rolled back by itself, or will when the file is opened next.
  }
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace gradzone::sqlite
