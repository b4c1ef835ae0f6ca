#include "api/token.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

namespace baton::api {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t secret_bytes = 32;
constexpr std::size_t token_size_min = 16, token_size_max = 1024;

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

tl::unexpected<Error> unusable(const std::string& path, const std::string& what) {
  return fail({.code = "api.token_file",
               .what = "the token's file " + what,
               .where = path,
               .way_out = "set BATON_TOKEN, or BATON_TOKEN_FILE to a file that only you can read"});
}
std::string last_error() { return std::strerror(errno); }

/// Closes.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] bool good() const { return descriptor_ >= 0; }
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

/// None: there is no such file.
Result<std::optional<std::string>> read_token(const std::string& path) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.good() && errno == ENOENT) return std::nullopt;
  if (!file.good()) return unusable(path, "cannot be read: " + last_error());
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return unusable(path, "is no file");
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) return unusable(path, "can be read by others: chmod 600");
  std::string token(token_size_max + 1, '\0');
  const auto size = ::read(file.get(), token.data(), token.size());
  if (size < 0) return unusable(path, "cannot be read: " + last_error());
  token.resize(static_cast<std::size_t>(size));
  while (token.ends_with('\n') || token.ends_with('\r') || token.ends_with(' ')) token.pop_back();
  if (token.size() < token_size_min || token.size() > token_size_max) return unusable(path, "holds no token");
  return token;
}

std::string new_token() {
  std::array<unsigned char, secret_bytes> bytes{};
  BATON_ASSERT(::getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  std::string token;
  for (const auto byte : bytes) {
    token += "0123456789abcdef"[byte >> 4U];
    token += "0123456789abcdef"[byte & 15U];
  }
  return token;
}

/// Written whole beside its place and linked to it, so that nobody reads half of it; whoever links second finds the first one's.
Result<void> make_token(const std::string& path) {
  std::error_code wrong;
  fs::create_directories(fs::path(path).parent_path(), wrong);
  if (wrong) return unusable(path, "cannot be made: " + wrong.message());
  auto beside = path + ".XXXXXX";
  const File file(::mkostemp(beside.data(), O_CLOEXEC));  // 0600
  if (!file.good()) return unusable(path, "cannot be made: " + last_error());
  const auto text = new_token() + "\n";
  const bool written =
      ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file.get()) == 0;
  const bool linked = written && (::link(beside.c_str(), path.c_str()) == 0 || errno == EEXIST);
  const auto why = last_error();
  ::unlink(beside.c_str());
  if (!linked) return unusable(path, "cannot be made: " + why);
  return {};
}

}  // namespace

Result<std::string> token_file() {
  if (const auto named = variable("BATON_TOKEN_FILE"); !named.empty()) return std::string(named);
  if (const auto config = variable("XDG_CONFIG_HOME"); config.starts_with('/')) return std::string(config) + "/baton/token";
  if (const auto home = variable("HOME"); home.starts_with('/')) return std::string(home) + "/.config/baton/token";
  return unusable("~/.config/baton/token", "has no place: HOME is not set");
}

Result<std::string> serving_token(const std::string& file) {
  if (const auto given = variable("BATON_TOKEN"); !given.empty()) return std::string(given);
  const auto path = file.empty() ? token_file() : Result<std::string>(file);
  if (!path) return fail(path.error());
  for (bool made = false;; made = true) {
    auto found = read_token(*path);
    if (!found) return fail(found.error());
    if (*found) return std::move(**found);
    if (made) return unusable(*path, "was removed as soon as it was made");
    const auto making = make_token(*path);
    if (!making) return fail(making.error());
  }
}

}  // namespace baton::api
