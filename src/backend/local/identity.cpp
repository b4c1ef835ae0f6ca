#include "backend/local/identity.hpp"

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

}  // namespace

Result<std::string> identity_of(const std::string& state, const std::string& fresh) {
  const auto path = state + "/identity";
  if (auto name = read_name(path); !name.empty()) return name;
  if (!make_folders(state)) return unusable(state, "the state directory cannot be made");
  // Whole under its own name first: who reads it sees all of it or nothing.
  const auto draft = path + '.' + fresh;
  if (!(std::ofstream(draft, std::ios::binary) << fresh << '\n' << std::flush)) return unusable(draft, "it cannot be written");
  const bool linked = ::link(draft.c_str(), path.c_str()) == 0 || errno == EEXIST;
  const int wrong = errno;
  ::unlink(draft.c_str());
  errno = wrong;
  if (!linked) return unusable(path, "it cannot be made");
  if (auto name = read_name(path); !name.empty()) return name;
  return unusable(path, "it cannot be read");
}

}  // namespace baton::local
