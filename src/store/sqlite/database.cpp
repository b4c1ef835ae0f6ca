#include "store/sqlite/database.hpp"

#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <utility>

namespace baton::sqlite {
namespace {

// How long a commit waits for another process that reads or copies the file.
constexpr int busy_timeout_ms = 5000;
// The log is written back into the file every so many pages (4 KiB each): often enough that it stays small, seldom enough that the
// fsync then does not show in the cost of a pass.
constexpr int checkpoint_pages = 8192;

struct FileSystem {
  std::uint32_t magic;
  const char* name;
};
// Where two processes cannot share memory by mapping one file, or locks are advice at best (statfs(2)).
constexpr std::array network_file_systems = {
    FileSystem{0x6969, "NFS"},      FileSystem{0x517B, "SMB"},        FileSystem{0xFF534D42, "CIFS"},
    FileSystem{0xFE534D42, "SMB2"}, FileSystem{0x0BD00BD0, "Lustre"}, FileSystem{0x00C36400, "Ceph"},
    FileSystem{0x47504653, "GPFS"}, FileSystem{0x19830326, "BeeGFS"}, FileSystem{0x5346414F, "AFS"}};

const char* network_file_system(const std::string& path) {
  struct statfs about{};
  const auto folder = std::filesystem::absolute(path).parent_path();
  if (path == ":memory:" || ::statfs(folder.c_str(), &about) != 0) return nullptr;
  const auto* const found = std::ranges::find(network_file_systems, static_cast<std::uint32_t>(about.f_type), &FileSystem::magic);
  return found == network_file_systems.end() ? nullptr : found->name;
}

bool is_there(const std::string& path) {
  struct stat about{};
  return ::stat(path.c_str(), &about) == 0;
}

bool holds_something(const std::string& path) {
  struct stat about{};
  return ::stat(path.c_str(), &about) == 0 && about.st_size > 0;
}

// As a URI: SQLite takes options only there.
std::string uri_of(const std::string& path, std::string_view options) {
  std::string uri = "file:";
  for (const char letter : path) {
    if (letter == '%' || letter == '?' || letter == '#') {
      uri += '%';
      uri += "0123456789ABCDEF"[static_cast<unsigned char>(letter) >> 4];
      uri += "0123456789ABCDEF"[static_cast<unsigned char>(letter) & 15];
    } else {
      uri += letter;
    }
  }
  return uri.append(options);
}

std::string way_out_of(int code) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return "restore it from a backup, or move it away: without it every step is new and runs again";
    case SQLITE_FULL: return "make room on that disk, then start again: what has ended is not lost";
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return "another process holds the file; end it, or wait, then start again";
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN: return "look at the rights of the file and of its folder, or choose another folder with --state";
    case SQLITE_IOERR: return "look at the disk (dmesg tells what the kernel saw), then start again";
    default: return {};
  }
}

}  // namespace

Error error_of(sqlite3* connection, int code, const std::string& path) {
  const int kind = code & 0xff;
  const bool damaged = kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB;
  std::string what = "the state file cannot be ";
  what += damaged ? "understood: " : "used: ";
  what += connection == nullptr || sqlite3_errcode(connection) == SQLITE_OK ? sqlite3_errstr(code) : sqlite3_errmsg(connection);
  return {.code = damaged ? "store.damaged" : "store.unavailable",
          .what = std::move(what),
          .where = path,
          .way_out = way_out_of(code)};
}

Database::Database(const Options& options) : path_(options.path) {
  try {
    if (options.read_only) {
      open_read_only();
    } else {
      const bool is_new = !holds_something(path_);
      open(uri_of(path_, {}), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
      // Of a file that was made a moment ago a power cut may leave nothing; waiting for the disk would take longer than a short run.
      if (is_new) execute("PRAGMA synchronous = OFF");
      choose_journal();
    }
  } catch (...) {
    close();
    throw;
  }
}

Database::~Database() { close(); }

void Database::close() {
  sqlite3_close_v2(connection_);
  connection_ = nullptr;
  if (std::error_code ignored; !copy_.empty()) std::filesystem::remove_all(copy_, ignored);
}

void Database::open(const std::string& uri, int flags) {
  // One thread at a time uses the connection, so that it needs no lock of its own.
  const int code =
      sqlite3_open_v2(uri.c_str(), &connection_, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI | SQLITE_OPEN_EXRESCODE, nullptr);
  check(code);
  check(sqlite3_busy_timeout(connection_, busy_timeout_ms));
  execute("SELECT count(*) FROM sqlite_schema");  // opens the file indeed
}

void Database::choose_journal() {
  if (const auto* name = network_file_system(path_)) {
    execute("PRAGMA journal_mode = DELETE");
    note_ = path_ + " is on a network file system (" + name +
            "): it keeps a rollback journal, which is slower; --state chooses another folder";
  } else {
    execute("PRAGMA journal_mode = WAL");
    const auto checkpoint = "PRAGMA wal_autocheckpoint = " + std::to_string(checkpoint_pages);
    execute(checkpoint.c_str());
  }
  // Survives the death of this process at any moment; a power cut may cost the last commits, never the file.
  execute("PRAGMA synchronous = NORMAL");
}

// A reader of a write-ahead log writes too: its index. Where it may not, the file alone is read if the log is empty, else a copy of both.
void Database::open_read_only() {
  if (path_ == ":memory:" || !is_there(path_)) {
    stand_in_ = true;
    open(":memory:", SQLITE_OPEN_READWRITE);
    return;
  }
  try {
    open(uri_of(path_, {}), SQLITE_OPEN_READONLY);
    return;
  } catch (const Failure&) {
    const int kind = connection_ == nullptr ? SQLITE_CANTOPEN : sqlite3_errcode(connection_) & 0xff;
    if (kind != SQLITE_CANTOPEN && kind != SQLITE_READONLY && kind != SQLITE_IOERR) throw;
    close();
  }
  if (!holds_something(path_ + "-wal")) {
    open(uri_of(path_, "?immutable=1"), SQLITE_OPEN_READONLY);
    return;
  }
  std::string folder = std::filesystem::temp_directory_path() / "baton-state-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) throw Failure{error_of(nullptr, SQLITE_CANTOPEN, path_)};
  copy_ = folder;
  std::error_code failed;
  std::filesystem::copy_file(path_, copy_ + "/baton.db", failed);
  if (!failed) std::filesystem::copy_file(path_ + "-wal", copy_ + "/baton.db-wal", failed);
  if (failed) throw Failure{error_of(nullptr, SQLITE_CANTOPEN, path_)};
  open(uri_of(copy_ + "/baton.db", {}), SQLITE_OPEN_READWRITE);
  note_ = path_ + " was read from a copy, as its folder cannot be written";
}

void Database::execute(const char* sql) { check(sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr)); }

void Database::check(int code) const {
  if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) throw Failure{error_of(connection_, code, path_)};
}

void Statement::compile() {
  database_.check(sqlite3_prepare_v3(database_.connection(), sql_.data(), static_cast<int>(sql_.size()),
                                     SQLITE_PREPARE_PERSISTENT, &statement_, nullptr));
}

bool Statement::Rows::next() {
  column_ = 0;
  const int code = sqlite3_step(of_.statement_);
  if (code == SQLITE_ROW) return true;
  of_.database_.check(code);
  return false;
}

bool Statement::Rows::is_null() { return sqlite3_column_type(of_.statement_, column_) == SQLITE_NULL; }

std::string_view Statement::Rows::text() {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(of_.statement_, column_));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(of_.statement_, column_++));
  return bytes == nullptr ? std::string_view() : std::string_view(bytes, size);
}

std::optional<std::string_view> Statement::Rows::some_text() {
  if (!is_null()) return text();
  ++column_;
  return std::nullopt;
}

std::optional<double> Statement::Rows::some_real() {
  const bool null = is_null();
  const double value = sqlite3_column_double(of_.statement_, column_++);
  return null ? std::nullopt : std::optional(value);
}

std::optional<std::int32_t> Statement::Rows::some_number() {
  const bool null = is_null();
  const auto value = small_number();
  return null ? std::nullopt : std::optional(value);
}

std::optional<core::Instant> Statement::Rows::some_instant() {
  const bool null = is_null();
  const auto value = instant();
  return null ? std::nullopt : std::optional(value);
}

}  // namespace baton::sqlite
