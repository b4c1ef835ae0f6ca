/// `jobs.log` of a state directory: what the keeper has begun, ended and barred. It is the claim of every local job (R15): a begin is in
/// the file before the process is made.
///
/// Text, one record a line: 16 hex digits (FNV-1a 64 of the rest), a space, the record. Blanks, backslashes, line ends and NULs within a
/// field are `\s \\ \n \0`. Times are µs, UTC.
///   boot BOOT-ID                                       a keeper began to write
///   begin SERIAL TIME ID TICKET                        this job is begun now, by nobody else ever
///   pid SERIAL PID TICKS INODE                         the leader of its group, its start in clock ticks since boot, its folder's inode
///   end SERIAL REASON CODE SIGNAL STARTED ENDED
///   dead SERIAL                                        its end was not seen; nothing of it runs any more
///   barred SERIAL TIME ID
///   gone HASH TIME                                     a job of this hash was released: it is not begun again
/// The file is allocated ahead, filled with NULs, so that a full disk loses no end. A torn line is skipped.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "backend/local/messages.hpp"
#include "core/result.hpp"

namespace baton::local {

using IdHash = std::array<std::uint64_t, 2>;
[[nodiscard]] IdHash hash_of(std::string_view id);

struct BootRecord {
  std::string boot;
};
struct BeginRecord {
  std::uint64_t serial = 0;
  std::int64_t at_us = 0;
  std::string id, ticket;
};
struct PidRecord {
  std::uint64_t serial = 0;
  std::int32_t pid = 0;
  std::int64_t start_ticks = 0;
  std::uint64_t inode = 0;
};
struct EndRecord {
  std::uint64_t serial = 0;
  Reason reason = Reason::none;
  std::int32_t code = 0, signal = 0;
  std::int64_t started_us = 0, ended_us = 0;
};
struct DeadRecord {
  std::uint64_t serial = 0;
};
struct BarredRecord {
  std::uint64_t serial = 0;
  std::int64_t at_us = 0;
  std::string id;
};
struct GoneRecord {
  IdHash hash{};
  std::int64_t at_us = 0;
};
using Record = std::variant<BootRecord, BeginRecord, PidRecord, EndRecord, DeadRecord, BarredRecord, GoneRecord>;

/// With its line end.
[[nodiscard]] std::string line_of(const Record& record);
struct Read {
  std::vector<Record> records;
  std::size_t bytes = 0;    ///< up to and with the last good line
  std::size_t damaged = 0;  ///< lines that were skipped
};
[[nodiscard]] Read read_journal(std::string_view text);

class Journal {
 public:
  /// Room that no begin may use: it is for the ends of what runs, and for bars.
  static constexpr std::size_t reserve_bytes = 256 * 1024;

  Journal() = default;
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Reads what is there and goes on behind it. Errors: keeper.journal.
  [[nodiscard]] Result<std::vector<Record>> open(std::string path);
  /// Puts these in the place of all there is, at once. Errors: keeper.journal; then the old file stands.
  [[nodiscard]] Result<void> replace(const std::vector<Record>& records);
  /// In one write. Errors: keeper.journal (nothing of it may be relied on).
  [[nodiscard]] Result<void> append(const std::vector<Record>& records);
  /// What begins may still take, in bytes; tries to allocate more when that gets little, or is less than `wanted`.
  [[nodiscard]] std::size_t room(std::size_t wanted = 0);
  [[nodiscard]] std::size_t bytes() const { return at_; }
  [[nodiscard]] std::size_t damaged() const { return damaged_; }

 private:
  bool allocate(std::size_t upto);
  std::string path_;
  int file_ = -1;
  std::size_t at_ = 0;
  std::size_t allocated_ = 0;
  std::size_t damaged_ = 0;
  std::string buffer_;
};

}  // namespace baton::local
