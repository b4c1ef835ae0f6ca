#include "backend/local/turn.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "backend/local/journal.hpp"

namespace baton::local {

/// One file for all jobs: a job is a byte of it, far behind its end. Nothing has to be removed, so nobody locks what was removed. The lock is
/// of the open file, not of the process: two backends of one process are two, and the death of the process ends it.
std::optional<Turn> Turn::take(const std::string& state, const std::string& job) {
  const int file = ::open((state + "/collect.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  struct flock byte{};
  byte.l_type = F_WRLCK;
  byte.l_whence = SEEK_SET;
  byte.l_start = static_cast<off_t>(hash_of(job)[0] >> 2);
  byte.l_len = 1;
  if (file < 0 || ::fcntl(file, F_OFD_SETLK, &byte) == 0) return Turn(file);
  const bool held = errno == EAGAIN || errno == EACCES;
  if (!held) return Turn(file);
  ::close(file);
  return std::nullopt;
}

Turn::~Turn() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace baton::local
