#include "backend/local/journal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>

namespace baton::local {
namespace {

constexpr std::size_t step_bytes = 1u << 20;
constexpr std::uint64_t fnv_basis = 0xcbf29ce484222325u;

std::uint64_t fnv(std::string_view bytes, std::uint64_t hash = fnv_basis) {
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  return hash;
}

// ---- a line from fields ---------------------------------------------------------------------------------------------------
class Line {
 public:
  explicit Line(std::string_view kind) : text_(kind) {}
  Line& add(std::integral auto number) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    text_ += ' ';
    text_.append(digits.data(), end);
    return *this;
  }
  Line& add(std::string_view field) {
    text_ += ' ';
    for (const char byte : field) switch (byte) {
        case ' ': text_ += "\\s"; break;
        case '\n': text_ += "\\n"; break;
        case '\0': text_ += "\\0"; break;
        case '\\': text_ += "\\\\"; break;
        default: text_ += byte;
      }
    return *this;
  }
  [[nodiscard]] std::string end() const {
    std::array<char, 17> sum{};
    std::snprintf(sum.data(), sum.size(), "%016llx", static_cast<unsigned long long>(fnv(text_)));
    return std::string(sum.data(), 16) + " " + text_ + "\n";
  }

 private:
  std::string text_;
};

struct ToLine {
  std::string operator()(const BootRecord& r) const { return Line("boot").add(r.boot).end(); }
  std::string operator()(const BeginRecord& r) const {
    return Line("begin").add(r.serial).add(r.at_us).add(r.id).add(r.ticket).end();
  }
  std::string operator()(const PidRecord& r) const {
    return Line("pid").add(r.serial).add(r.pid).add(r.start_ticks).add(r.inode).end();
  }
  std::string operator()(const EndRecord& r) const {
    return Line("end")
        .add(r.serial)
        .add(static_cast<int>(r.reason))
        .add(r.code)
        .add(r.signal)
        .add(r.started_us)
        .add(r.ended_us)
        .end();
  }
  std::string operator()(const DeadRecord& r) const { return Line("dead").add(r.serial).end(); }
  std::string operator()(const BarredRecord& r) const { return Line("barred").add(r.serial).add(r.at_us).add(r.id).end(); }
  std::string operator()(const GoneRecord& r) const { return Line("gone").add(r.hash[0]).add(r.hash[1]).add(r.at_us).end(); }
};

// ---- fields from a line -----------------------------------------------------------------------------------------------------
class Fields {
 public:
  explicit Fields(std::string_view text) : left_(text) {}
  std::string_view raw() {
    const auto end = left_.find(' ');
    const auto field = left_.substr(0, end);
    left_ = end == std::string_view::npos ? std::string_view() : left_.substr(end + 1);
    return field;
  }
  template <class T>
  T number() {
    T value{};
    const auto field = raw();
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    good_ = good_ && error == std::errc() && end == field.data() + field.size();
    return value;
  }
  std::string text() {
    const auto field = raw();
    std::string value;
    value.reserve(field.size());
    for (std::size_t i = 0; i < field.size(); ++i) {
      if (field[i] != '\\' || i + 1 == field.size()) {
        value += field[i];
        continue;
      }
      const char code = field[++i];
      value += code == 's' ? ' ' : code == 'n' ? '\n' : code == '0' ? '\0' : code;
    }
    return value;
  }
  [[nodiscard]] bool good() const { return good_; }

 private:
  std::string_view left_;
  bool good_ = true;
};

std::optional<Record> record_of(std::string_view line) {
  if (line.size() < 18 || line[16] != ' ') return std::nullopt;
  std::uint64_t sum = 0;
  if (std::from_chars(line.data(), line.data() + 16, sum, 16).ptr != line.data() + 16) return std::nullopt;
  if (sum != fnv(line.substr(17))) return std::nullopt;

  Fields in(line.substr(17));
  const auto kind = in.raw();
  Record record;
  if (kind == "boot") {
    record = BootRecord{in.text()};
  } else if (kind == "begin") {
    BeginRecord r{.serial = in.number<std::uint64_t>(), .at_us = in.number<std::int64_t>()};
    r.id = in.text();
    r.ticket = in.text();
    record = std::move(r);
  } else if (kind == "pid") {
    record = PidRecord{.serial = in.number<std::uint64_t>(),
                       .pid = in.number<std::int32_t>(),
                       .start_ticks = in.number<std::int64_t>(),
                       .inode = in.number<std::uint64_t>()};
  } else if (kind == "end") {
    record = EndRecord{.serial = in.number<std::uint64_t>(),
                       .reason = static_cast<Reason>(in.number<std::uint8_t>()),
                       .code = in.number<std::int32_t>(),
                       .signal = in.number<std::int32_t>(),
                       .started_us = in.number<std::int64_t>(),
                       .ended_us = in.number<std::int64_t>()};
  } else if (kind == "dead") {
    record = DeadRecord{in.number<std::uint64_t>()};
  } else if (kind == "barred") {
    BarredRecord r{.serial = in.number<std::uint64_t>(), .at_us = in.number<std::int64_t>()};
    r.id = in.text();
    record = std::move(r);
  } else if (kind == "gone") {
    GoneRecord r;
    r.hash[0] = in.number<std::uint64_t>();
    r.hash[1] = in.number<std::uint64_t>();
    r.at_us = in.number<std::int64_t>();
    record = r;
  } else {
    return std::nullopt;
  }
  return in.good() ? std::optional(std::move(record)) : std::nullopt;
}

// ---- files ------------------------------------------------------------------------------------------------------------------
Error trouble(const std::string& what, const std::string& path) {
  return {.code = "keeper.journal",
          .what = what + ": " + std::strerror(errno),
          .where = path,
          .way_out = "make room for, and allow writing to, the state directory"};
}

bool write_at(int file, std::string_view bytes, std::size_t at) {
  while (!bytes.empty()) {
    const auto size = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(size));
    at += static_cast<std::size_t>(size);
  }
  return true;
}

std::optional<std::string> read_whole(int file) {
  struct stat seen{};
  if (::fstat(file, &seen) != 0) return std::nullopt;
  std::string text(static_cast<std::size_t>(seen.st_size), '\0');
  std::size_t at = 0;
  while (at < text.size()) {
    const auto size = ::pread(file, text.data() + at, text.size() - at, static_cast<off_t>(at));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return std::nullopt;
    if (size == 0) break;
    at += static_cast<std::size_t>(size);
  }
  text.resize(at);
  return text;
}

}  // namespace

IdHash hash_of(std::string_view id) { return {fnv(id), fnv(id, fnv_basis ^ 0x9e3779b97f4a7c15u)}; }

std::string line_of(const Record& record) { return std::visit(ToLine{}, record); }

Read read_journal(std::string_view text) {
  Read read;
  std::size_t at = 0;
  while (at < text.size() && text[at] != '\0') {
    const auto end = text.find('\n', at);
    if (end == std::string_view::npos) {
      ++read.damaged;  // torn
      break;
    }
    if (auto record = record_of(text.substr(at, end - at))) {
      read.records.push_back(std::move(*record));
      read.bytes = end + 1;
    } else {
      ++read.damaged;
    }
    at = end + 1;
  }
  return read;
}

Journal::~Journal() {
  if (file_ >= 0) ::close(file_);
}

Result<std::vector<Record>> Journal::open(std::string path) {
  path_ = std::move(path);
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0) return fail(trouble("the journal cannot be opened", path_));
  const auto text = read_whole(file_);
  if (!text) return fail(trouble("the journal cannot be read", path_));
  auto read = read_journal(*text);
  damaged_ = read.damaged;
  at_ = read.bytes;
  // What is behind the last good line is torn, or room allocated before: it must read as NULs before anything is put there.
  if (::ftruncate(file_, static_cast<off_t>(at_)) != 0) return fail(trouble("the journal cannot be written", path_));
  allocated_ = at_;
  if (!allocate(at_ + step_bytes) && !allocate(at_ + reserve_bytes))
    return fail(trouble("there is no room for the journal", path_));
  return std::move(read.records);
}

Result<void> Journal::replace(const std::vector<Record>& records) {
  std::string text;
  for (const auto& record : records) text += line_of(record);
  const auto path = path_ + ".new";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return fail(trouble("the journal cannot be written anew", path));
  const auto allocated = text.size() + step_bytes;
  const bool good = ::posix_fallocate(file, 0, static_cast<off_t>(allocated)) == 0 && write_at(file, text, 0) &&
                    ::rename(path.c_str(), path_.c_str()) == 0;
  if (!good) {
    auto error = trouble("the journal cannot be written anew", path);
    ::close(file);
    ::unlink(path.c_str());
    return fail(std::move(error));
  }
  ::close(file_);
  file_ = file;
  at_ = text.size();
  allocated_ = allocated;
  return {};
}

Result<void> Journal::append(const std::vector<Record>& records) {
  if (records.empty()) return {};
  buffer_.clear();
  for (const auto& record : records) buffer_ += line_of(record);
  if (!write_at(file_, buffer_, at_)) return fail(trouble("the journal cannot be written", path_));
  at_ += buffer_.size();
  return {};
}

std::size_t Journal::room(std::size_t wanted) {
  if (allocated_ < at_ + reserve_bytes + std::max(wanted, step_bytes / 2)) allocate(at_ + reserve_bytes + wanted + step_bytes);
  return allocated_ > at_ + reserve_bytes ? allocated_ - at_ - reserve_bytes : 0;
}

bool Journal::allocate(std::size_t upto) {
  if (upto <= allocated_) return true;
  const int error = ::posix_fallocate(file_, static_cast<off_t>(allocated_), static_cast<off_t>(upto - allocated_));
  errno = error;
  if (error == 0) allocated_ = upto;
  return error == 0;
}

}  // namespace baton::local
