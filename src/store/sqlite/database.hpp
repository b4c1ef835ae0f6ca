/// SQLite as this adapter needs it: a connection, statements that are kept, and failures as exceptions that never leave the adapter.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/model.hpp"
#include "core/result.hpp"

namespace baton::sqlite {

/// Thrown inside the adapter alone; its public methods answer with the error.
struct Failure {
  Error error;
};

/// The error for what a connection has just answered; `path` is the file.
[[nodiscard]] Error error_of(sqlite3* connection, int code, const std::string& path);

class Database {
 public:
  struct Options {
    std::string path;
    bool read_only = false;
  };
  /// Throws Failure. A file that is not there is made, unless `read_only`: then the database is empty and in memory.
  explicit Database(const Options& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  [[nodiscard]] sqlite3* connection() const { return connection_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// What a person should know of how the file is used; empty: nothing.
  [[nodiscard]] const std::string& note() const { return note_; }
  [[nodiscard]] bool is_empty_stand_in() const { return stand_in_; }

  /// Statements without parameters and rows.
  void execute(const char* sql);
  /// Throws Failure unless `code` says that all is well.
  void check(int code) const;

 private:
  void open(const std::string& uri, int flags);
  void open_read_only();
  void close();
  void choose_journal();

  std::string path_;
  std::string note_;
  std::string copy_;  // folder of a private copy; removed with the connection
  bool stand_in_ = false;
  sqlite3* connection_ = nullptr;
};

/// Compiled when first used, then kept.
class Statement {
 public:
  Statement(Database& database, std::string_view sql) : database_(database), sql_(sql) {}
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  /// Runs it to its end with these parameters. @return rows written
  template <class... Parameters>
  int run(const Parameters&... parameters) {
    begin(parameters...);
    const int code = sqlite3_step(statement_);
    sqlite3_reset(statement_);
    if (code != SQLITE_DONE && code != SQLITE_ROW) database_.check(code);
    return sqlite3_changes(database_.connection());
  }

  /// Walks the rows; frees the statement when it goes. Texts among the parameters must outlive it.
  class Rows {
   public:
    explicit Rows(Statement& of) : of_(of) {}
    ~Rows() { sqlite3_reset(of_.statement_); }
    Rows(const Rows&) = delete;
    Rows& operator=(const Rows&) = delete;
    bool next();
    // The columns of the row, in order: each call takes the next one.
    [[nodiscard]] std::int64_t number() { return sqlite3_column_int64(of_.statement_, column_++); }
    [[nodiscard]] std::int32_t small_number() { return static_cast<std::int32_t>(number()); }
    [[nodiscard]] bool truth() { return number() != 0; }
    [[nodiscard]] std::string_view text();
    [[nodiscard]] std::optional<std::string_view> some_text();
    [[nodiscard]] std::optional<double> some_real();
    [[nodiscard]] std::optional<std::int32_t> some_number();
    [[nodiscard]] core::Instant instant() { return core::Instant(core::Duration(number())); }
    [[nodiscard]] std::optional<core::Instant> some_instant();

   private:
    [[nodiscard]] bool is_null();
    Statement& of_;
    int column_ = 0;
  };
  template <class... Parameters>
  [[nodiscard]] Rows rows(const Parameters&... parameters) {
    begin(parameters...);
    return Rows(*this);
  }

 private:
  template <class... Parameters>
  void begin(const Parameters&... parameters) {
    if (statement_ == nullptr) compile();
    int position = 0;
    (bind(++position, parameters), ...);
  }
  void compile();
  void bind(int position, std::int64_t number) { sqlite3_bind_int64(statement_, position, number); }
  void bind(int position, std::int32_t number) { sqlite3_bind_int(statement_, position, number); }
  void bind(int position, std::uint32_t number) { sqlite3_bind_int64(statement_, position, number); }
  void bind(int position, std::size_t number) { sqlite3_bind_int64(statement_, position, static_cast<std::int64_t>(number)); }
  void bind(int position, bool truth) { sqlite3_bind_int(statement_, position, truth ? 1 : 0); }
  void bind(int position, double number) { sqlite3_bind_double(statement_, position, number); }
  void bind(int position, core::Instant instant) { bind(position, std::int64_t{instant.time_since_epoch().count()}); }
  void bind(int position, std::string_view text) {
    sqlite3_bind_text64(statement_, position, text.data() == nullptr ? "" : text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  void bind(int position, const std::string& text) { bind(position, std::string_view(text)); }
  void bind(int position, const char* text) { bind(position, std::string_view(text)); }
  template <class T>
  void bind(int position, const std::optional<T>& value) {
    if (value) {
      bind(position, *value);
    } else {
      sqlite3_bind_null(statement_, position);
    }
  }

  Database& database_;
  std::string_view sql_;
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace baton::sqlite
