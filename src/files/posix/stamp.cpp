#include "files/posix/stamp.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "core/key.hpp"
#include "core/sha256.hpp"

namespace baton::posix {
namespace {

constexpr std::size_t read_bytes = 256 * 1024;
constexpr std::int64_t settled_after_ns = 2'000'000'000;  // the coarsest file time in use (FAT: 2 s)

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

Error unreadable(const std::string& path, int error) {
  if (error == ENOENT || error == ENOTDIR)
    return {.code = "input.missing", .what = "'" + path + "' does not exist", .where = path};
  return {.code = "input.unreadable", .what = "'" + path + "' cannot be read: " + std::strerror(error), .where = path};
}

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

void append(std::string& text, std::int64_t number) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  text.append(digits.data(), end);
}

std::string stat_text(const struct stat& seen) {
  std::string text;
  text.reserve(80);
  append(text, seen.st_size);
  text += ':';
  append(text, nanoseconds(seen.st_mtim));
  text += ':';
  append(text, nanoseconds(seen.st_ctim));
  text += ':';
  append(text, static_cast<std::int64_t>(seen.st_ino));
  return text;
}

/// With its NUL: no two lists read alike.
void add(core::Sha256& sum, const std::string& text) { sum.add({text.c_str(), text.size() + 1}); }

Result<std::string> digest_of_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a FIFO that took the file's place must not hold us
  if (file.get() < 0) return fail(unreadable(path, errno));
  core::Sha256 sum;
  std::vector<char> buffer(read_bytes);
  for (;;) {
    const auto size = ::read(file.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail(unreadable(path, errno));
    if (size == 0) return sum.end();
    sum.add({buffer.data(), static_cast<std::size_t>(size)});
  }
}

/// Folders of `Wanted::without`, known by what they are, not by their names.
class LeftOut {
 public:
  explicit LeftOut(const std::vector<std::string>& paths) {
    for (const auto& path : paths) {
      add(path, folders_);
      add(path.substr(0, path.rfind('/') + 1) + ".", parents_);
    }
  }
  [[nodiscard]] bool is_one(const struct stat& folder) const { return holds(folders_, folder); }
  /// Its times move when one of them is made or removed, and say nothing of what else is in it: that the walk sees.
  [[nodiscard]] bool is_parent(const struct stat& folder) const { return holds(parents_, folder); }

 private:
  using Id = std::pair<dev_t, ino_t>;
  static void add(const std::string& path, std::vector<Id>& ids) {
    struct stat seen{};
    if (::stat(path.c_str(), &seen) == 0) ids.emplace_back(seen.st_dev, seen.st_ino);
  }
  static bool holds(const std::vector<Id>& ids, const struct stat& folder) {
    return std::ranges::find(ids, Id(folder.st_dev, folder.st_ino)) != ids.end();
  }
  std::vector<Id> folders_, parents_;
};

/// One entry below a folder; `path` relative to it.
struct Entry {
  std::string path;
  struct stat seen{};
  std::string link;
};

/// All below `root`, sorted by path. A folder itself is an entry: an empty one counts.
Result<std::vector<Entry>> walk(const std::string& root, const LeftOut& left_out) {
  std::vector<Entry> entries;
  std::vector<std::string> open{""};
  while (!open.empty()) {
    const auto folder = std::move(open.back());
    open.pop_back();
    const auto full = folder.empty() ? root : root + "/" + folder;
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(full.c_str()), ::closedir);
    if (!listing) return fail(unreadable(full, errno));
    for (errno = 0; const auto* item = ::readdir(listing.get()); errno = 0) {
      const std::string name = item->d_name;
      if (name == "." || name == "..") continue;
      Entry entry{.path = folder.empty() ? name : folder + "/" + name};
      const auto path = root + "/" + entry.path;
      if (::lstat(path.c_str(), &entry.seen) != 0) return fail(unreadable(path, errno));
      if (S_ISDIR(entry.seen.st_mode) && left_out.is_one(entry.seen)) continue;
      if (S_ISDIR(entry.seen.st_mode)) open.push_back(entry.path);
      if (S_ISLNK(entry.seen.st_mode)) {
        entry.link.resize(static_cast<std::size_t>(entry.seen.st_size) + 1);
        const auto size = ::readlink(path.c_str(), entry.link.data(), entry.link.size());
        if (size < 0) return fail(unreadable(path, errno));
        entry.link.resize(static_cast<std::size_t>(size));
      }
      entries.push_back(std::move(entry));
    }
    if (errno != 0) return fail(unreadable(full, errno));
  }
  std::ranges::sort(entries, {}, &Entry::path);
  return entries;
}

std::string mode_text(const struct stat& seen) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), seen.st_mode & (S_IFMT | 0777u), 8).ptr;
  return {digits.data(), end};
}

Result<std::string> digest_of_folder(const Wanted& wanted) {
  const auto& root = wanted.path;
  auto entries = walk(root, LeftOut(wanted.without));
  if (!entries) return fail(entries.error());
  core::Sha256 sum;
  for (const auto& entry : *entries) {
    add(sum, entry.path);
    add(sum, mode_text(entry.seen));
    if (S_ISREG(entry.seen.st_mode)) {
      const auto content = digest_of_file(root + "/" + entry.path);
      if (!content) return content;
      add(sum, *content);
    } else if (S_ISLNK(entry.seen.st_mode)) {
      add(sum, core::sha256(entry.link));
    } else if (S_ISDIR(entry.seen.st_mode)) {
      add(sum, "");
    } else {
      return fail({.code = "input.unreadable",
                   .what = "'" + entry.path + "' is neither a file, a folder nor a link",
                   .where = root + "/" + entry.path});
    }
  }
  return sum.end();
}

Result<Glance> glance_at_folder(const Wanted& wanted, const struct stat& top) {
  const LeftOut left_out(wanted.without);
  auto entries = walk(wanted.path, left_out);
  if (!entries) return fail(entries.error());
  Glance seen;
  core::Sha256 stats;
  core::Sha256 sizes;
  const auto take = [&](const struct stat& one) {
    if (S_ISDIR(one.st_mode) && left_out.is_parent(one)) return add(stats, std::to_string(one.st_ino));
    add(stats, stat_text(one));
    seen.newest_ns = std::max({seen.newest_ns, nanoseconds(one.st_mtim), nanoseconds(one.st_ctim)});
  };
  take(top);
  for (const auto& entry : *entries) {
    add(stats, entry.path);
    add(stats, mode_text(entry.seen));
    take(entry.seen);
    if (!S_ISDIR(entry.seen.st_mode)) {
      add(sizes, entry.path);
      add(sizes, std::to_string(entry.seen.st_size) + ":" + std::to_string(nanoseconds(entry.seen.st_mtim)));
    }
    if (S_ISREG(entry.seen.st_mode)) seen.bytes += static_cast<std::uint64_t>(entry.seen.st_size);
  }
  seen.bytes += entries->size() * 512;  // opening costs as well
  seen.stat = stats.end();
  if (wanted.by_stat) {
    seen.digest = sizes.end();
    seen.bytes = 0;
  }
  return seen;
}

std::int64_t wall_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

Result<Glance> glance(const Wanted& wanted) {
  struct stat seen{};
  if (::stat(wanted.path.c_str(), &seen) != 0) return fail(unreadable(wanted.path, errno));
  if (wanted.directory) {
    if (!S_ISDIR(seen.st_mode))
      return fail({.code = "input.not_a_folder", .what = "'" + wanted.path + "' is not a folder", .where = wanted.path});
    return glance_at_folder(wanted, seen);
  }
  if (!S_ISREG(seen.st_mode))
    return fail({.code = "input.not_a_file", .what = "'" + wanted.path + "' is not a plain file", .where = wanted.path});
  Glance found{.stat = stat_text(seen),
               .bytes = static_cast<std::uint64_t>(seen.st_size),
               .newest_ns = std::max(nanoseconds(seen.st_mtim), nanoseconds(seen.st_ctim))};
  if (wanted.by_stat) {
    found.digest = core::sha256(std::to_string(seen.st_size) + ":" + std::to_string(nanoseconds(seen.st_mtim)));
    found.bytes = 0;
  } else if (seen.st_size == 0) {
    // Files of /proc say 0 and hold text: nothing to build on.
    static const std::string empty = core::sha256("");
    found.digest = empty;
  }
  return found;
}

Result<std::string> digest(const Wanted& wanted) {
  if (wanted.by_stat) {
    const auto seen = glance(wanted);
    if (!seen) return fail(seen.error());
    return seen->digest;
  }
  return wanted.directory ? digest_of_folder(wanted) : digest_of_file(wanted.path);
}

bool proves(const core::Stamp& known, const Glance& seen) {
  return known.settled && !known.digest.empty() && known.stat == seen.stat;
}

Result<core::Stamp> stamp(const Wanted& wanted, const Glance& seen) {
  core::Stamp made{.path = wanted.path, .stat = seen.stat, .digest = seen.digest};
  if (!made.digest.empty()) return made;
  const auto read_at = wall_ns();
  auto content = digest(wanted);
  if (!content) return fail(content.error());
  made.digest = std::move(*content);
  made.settled = read_at - seen.newest_ns >= settled_after_ns;
  if (made.settled) {
    const auto after = glance(wanted);
    made.settled = after && after->stat == seen.stat;
  }
  return made;
}

Result<core::Stamp> stamp(const Wanted& wanted, const std::optional<core::Stamp>& known) {
  const auto seen = glance(wanted);
  if (!seen) return fail(seen.error());
  if (known && proves(*known, *seen)) return *known;
  return stamp(wanted, *seen);
}

}  // namespace baton::posix
