#include "backend/local/identity.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "backend/local/processes.hpp"

namespace baton::local {
namespace {

tl::unexpected<Error> unusable(const std::string& path, const std::string& what) {
  return fail({.code = "state.unusable",
               .what = what + ": " + std::strerror(errno),
               .where = path,
               .way_out = "choose another state directory"});
}

/// Empty: it is not there, or not whole.
std::string read_name(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string name;
  std::getline(file, name);
  return name;
}

/// The name is of this very directory: a copy of it has another number.
Result<std::string> named(const std::string& state, const std::string& name) {
  struct stat seen{};
  if (::stat(state.c_str(), &seen) != 0) return unusable(state, "the state directory cannot be looked at");
  return name + '.' + std::to_string(seen.st_ino);
}

}  // namespace

Result<std::string> identity_of(const std::string& state, const std::string& fresh) {
  const auto path = state + "/identity";
  if (auto name = read_name(path); !name.empty()) return named(state, name);
  if (!make_folders(state)) return unusable(state, "the state directory cannot be made");
  // Whole, and on the disk, under its own name first: who reads it sees all of it or nothing, also after a power failure.
  const auto draft = path + '.' + fresh;
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return unusable(draft, "it cannot be made");
  const auto line = fresh + '\n';
  const bool written = ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && ::fsync(file) == 0;
  ::close(file);
  bool placed = written && (::link(draft.c_str(), path.c_str()) == 0 || errno == EEXIST);
  if (placed && read_name(path).empty()) placed = ::rename(draft.c_str(), path.c_str()) == 0;  // what stands there is not whole
  const int wrong = errno;
  ::unlink(draft.c_str());
  errno = wrong;
  if (!placed) return unusable(path, "it cannot be made");
  if (const int folder = ::open(state.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); folder >= 0) {
    ::fsync(folder);  // before anybody is told of it
    ::close(folder);
  }
  return named(state, read_name(path));
}

bool keeps_jobs(const std::string& state) { return ::access((state + "/jobs.log").c_str(), F_OK) == 0; }

}  // namespace baton::local
