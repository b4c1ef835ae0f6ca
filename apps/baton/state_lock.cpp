#include "state_lock.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace baton {
namespace {

constexpr std::size_t content_bytes_max = 4096;

std::string path_in(const std::string& dir) { return dir + "/lock"; }

struct flock whole_file() {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

}  // namespace

Result<std::unique_ptr<StateLock>> StateLock::take(const std::string& dir, const std::string& project) {
  const int file = ::open(path_in(dir).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0)
    return fail({.code = "state.unusable",
                 .what = std::string("the state directory cannot be written: ") + std::strerror(errno),
                 .where = dir,
                 .way_out = "give another one with --state"});
  std::unique_ptr<StateLock> lock(new StateLock(file));
  auto wanted = whole_file();
  if (::fcntl(file, F_SETLK, &wanted) != 0) {
    const int why = errno;
    if (why == EACCES || why == EAGAIN)
      return fail({.code = "state.held", .what = "the state directory is held by another baton", .where = dir, .way_out = {}});
    return fail({.code = "state.unusable",
                 .what = std::string("the state directory cannot be locked: ") + std::strerror(why),
                 .where = dir,
                 .way_out = "give another one with --state"});
  }
  const auto content = std::to_string(::getpid()) + " " + project + "\n";
  // For people, and for `baton cancel`, which asks for the name: without it the lock holds all the same.
  if (::ftruncate(file, 0) == 0) static_cast<void>(!::pwrite(file, content.data(), content.size(), 0));
  return lock;
}

StateLock::~StateLock() { ::close(file_); }

std::optional<cli::Holder> StateLock::holder(const std::string& dir) {
  const int file = ::open(path_in(dir).c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  auto asked = whole_file();
  asked.l_type = F_WRLCK;
  const bool known = ::fcntl(file, F_GETLK, &asked) == 0;
  std::string content(content_bytes_max, '\0');
  const auto size = ::pread(file, content.data(), content.size(), 0);
  ::close(file);
  if (!known || asked.l_type == F_UNLCK) return std::nullopt;
  content.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  // What stands there may be of the holder before: it has just taken the lock and not written its name yet.
  const auto own = std::to_string(asked.l_pid) + " ";
  if (!content.starts_with(own) || !content.ends_with('\n')) return cli::Holder{};
  return cli::Holder{.pid = asked.l_pid, .project = content.substr(own.size(), content.size() - own.size() - 1)};
}

}  // namespace baton
