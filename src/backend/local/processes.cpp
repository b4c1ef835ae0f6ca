#include "backend/local/processes.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>

namespace baton::local {
namespace {

constexpr mode_t folder_mode = 0777;  // under the user's umask
constexpr std::size_t small_file_max = 1u << 20;

std::optional<std::string> read_small(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  std::string text;
  std::array<char, 8192> part{};
  ssize_t size = 0;
  while (text.size() < small_file_max && (size = ::read(file, part.data(), part.size())) > 0)
    text.append(part.data(), static_cast<std::size_t>(size));
  ::close(file);
  return size < 0 ? std::nullopt : std::optional(std::move(text));
}

bool write_file(const std::string& path, std::string_view text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return false;
  bool good = true;
  while (good && !text.empty()) {
    const auto size = ::write(file, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    good = size > 0;
    if (good) text.remove_prefix(static_cast<std::size_t>(size));
  }
  const int error = errno;
  ::close(file);
  errno = error;
  return good;
}

tl::unexpected<Error> spawn_error(const std::string& what, int error) {
  return fail({.code = "keeper.spawn", .what = what + ": " + std::strerror(error), .where = std::to_string(error)});
}

std::string_view name_of(std::string_view variable) { return variable.substr(0, variable.find('=')); }

/// The job's variables over the connection's; the last of a name counts.
std::vector<char*> environment_of(const Spec& job, std::span<const std::string> base) {
  std::vector<char*> all;
  all.reserve(base.size() + job.environment.size() + 1);
  const auto is_overridden = [&](std::string_view variable) {
    return std::ranges::any_of(job.environment, [&](const auto& own) { return name_of(own) == name_of(variable); });
  };
  for (const auto& variable : base)
    if (!is_overridden(variable)) all.push_back(const_cast<char*>(variable.c_str()));
  for (const auto& variable : job.environment) all.push_back(const_cast<char*>(variable.c_str()));
  all.push_back(nullptr);
  return all;
}

/// As the shell would find it, by the PATH that the job sees.
std::string program_of(const Spec& job, const std::vector<char*>& environment) {
  const auto& name = job.argv.front();
  if (name.find('/') != std::string::npos) return name;
  std::string_view path = "/usr/local/bin:/usr/bin:/bin";
  for (const char* variable : environment)
    if (variable != nullptr && std::string_view(variable).starts_with("PATH=")) path = std::string_view(variable).substr(5);
  while (true) {
    const auto end = path.find(':');
    auto folder = std::string(path.substr(0, end));
    if (!folder.starts_with('/')) folder = job.folder + (folder.empty() ? "" : "/" + folder);
    const auto file = folder + "/" + name;
    struct stat seen{};
    if (::access(file.c_str(), X_OK) == 0 && ::stat(file.c_str(), &seen) == 0 && S_ISREG(seen.st_mode)) return file;
    if (end == std::string_view::npos) return name;  // the spawn will say ENOENT
    path.remove_prefix(end + 1);
  }
}

bool make_fresh(const std::string& folder) {
  if (::mkdir(folder.c_str(), folder_mode) == 0) return true;
  if (errno == ENOENT) return make_folders(folder);
  // The claim is ours, so what lies there is of no job that runs: a folder that came back with a backup.
  return errno == EEXIST && remove_tree(folder) && ::mkdir(folder.c_str(), folder_mode) == 0;
}

std::optional<Error> prepare(const Spec& job) {
  const auto trouble = [](const std::string& what) {
    const int error = errno;
    return spawn_error(what, error).value();
  };
  if (!make_fresh(job.folder)) return trouble("the work directory cannot be made");
  if (job.inputs && !write_file(job.folder + ".in.json", *job.inputs)) return trouble("the inputs cannot be written");
  for (const auto& name : job.folders)
    if (!make_folders(job.folder + "/" + name)) return trouble("a folder for the outputs cannot be made");
  for (const auto& [from, name] : job.copies) {
    std::error_code error;
    using std::filesystem::copy_options;
    std::filesystem::copy(from, job.folder + "/" + name, copy_options::overwrite_existing | copy_options::recursive, error);
    if (error) return spawn_error("'" + from + "' cannot be copied into the work directory", error.value()).value();
  }
  return std::nullopt;
}

/// Between the two halves of a vfork: the parent waits, and shares its memory with this.
[[noreturn]] void become(const char* program, char* const* argv, char* const* environment, const char* log, const char* folder,
                         volatile int& error) noexcept {
  ::setpgid(0, 0);
  const int file = ::open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
  if (file >= 0 && ::dup2(file, 1) == 1 && ::dup2(file, 2) == 2 && ::chdir(folder) == 0) {
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execve(program, argv, environment);
  }
  error = errno;
  ::_exit(127);
}

/// posix_spawn, without its 64 system calls that ask after the handlers of all signals (there are none here: as_keeper): 50 µs a job.
/// @return 0, or the errno of what failed
[[gnu::noinline]] int launch(const char* program, char* const* argv, char* const* environment, const char* log,
                             const char* folder, pid_t& pid) noexcept {
  volatile int error = 0;
  const auto child = ::vfork();
  if (child == 0) become(program, argv, environment, log, folder, error);
  if (child < 0) return errno;
  if (error != 0) ::waitpid(child, nullptr, 0);
  pid = child;
  return error;
}

std::int64_t ticks_now() {
  static const std::int64_t per_second = ::sysconf(_SC_CLK_TCK);
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::int64_t{now.tv_sec} * per_second + std::int64_t{now.tv_nsec} * per_second / 1'000'000'000;
}

std::optional<pid_t> pid_of(const char* name) {
  pid_t pid = 0;
  const auto* end = name + std::strlen(name);
  const auto parsed = std::from_chars(name, end, pid);
  return parsed.ec == std::errc() && parsed.ptr == end ? std::optional(pid) : std::nullopt;
}

/// The job that a process belongs to; empty: none, or a zombie, or not ours to see.
std::string job_of(pid_t pid) {
  const auto text = read_small("/proc/" + std::to_string(pid) + "/environ");
  if (!text) return {};
  const auto wanted = std::string(job_variable) + "=";
  for (std::size_t at = 0; at < text->size();) {
    auto end = text->find('\0', at);
    if (end == std::string::npos) end = text->size();
    const std::string_view variable(text->data() + at, end - at);
    if (variable.starts_with(wanted)) return std::string(variable.substr(wanted.size()));
    at = end + 1;
  }
  return {};
}

/// All processes of the host with a higher number.
std::vector<pid_t> processes_above(pid_t lowest) {
  std::vector<pid_t> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir("/proc"), ::closedir);
  if (!listing) return found;
  while (const auto* entry = ::readdir(listing.get()))
    if (const auto pid = pid_of(entry->d_name); pid && *pid > lowest && *pid != ::getpid()) found.push_back(*pid);
  return found;
}

/// Kills what is left of these; says how many there were.
std::size_t kill_once(const std::set<std::string>& jobs) {
  std::size_t found = 0;
  for (const auto pid : processes_above(0)) {
    const auto job = job_of(pid);
    if (job.empty() || !jobs.contains(job)) continue;
    ++found;
    ::kill(pid, SIGKILL);
  }
  return found;
}

/// Of one thread. Nothing: it is gone, or this kernel does not list them.
std::optional<std::vector<pid_t>> children_of(const std::string& task) {
  const auto text = read_small(task + "/children");
  if (!text) return std::nullopt;
  std::vector<pid_t> children;
  for (std::size_t at = 0; at < text->size();) {
    const auto end = std::min(text->find(' ', at), text->size());
    if (const auto child = pid_of(text->substr(at, end - at).c_str())) children.push_back(*child);
    at = end + 1;
  }
  return children;
}

/// A process and all below it.
void add_tree(pid_t root, std::vector<pid_t>& all) {
  all.push_back(root);
  const std::string tasks = "/proc/" + std::to_string(root) + "/task";
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(tasks.c_str()), ::closedir);
  while (const auto* entry = listing ? ::readdir(listing.get()) : nullptr) {
    if (!pid_of(entry->d_name)) continue;
    for (const auto child : children_of(tasks + "/" + entry->d_name).value_or(std::vector<pid_t>())) add_tree(child, all);
  }
}

}  // namespace

void as_keeper() {
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(nothing, 0);
  if (nothing > 0) ::close(nothing);
  ::close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
}

Result<Made> spawn(const Spec& job, std::span<const std::string> environment) {
  if (auto trouble = prepare(job)) return fail(std::move(*trouble));
  struct stat folder{};
  Made made;
  if (::stat(job.folder.c_str(), &folder) == 0) made.inode = folder.st_ino;

  const auto log = job.folder + ".log";
  const auto variables = environment_of(job, environment);
  std::vector<char*> argv;
  for (const auto& word : job.argv) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const auto program = program_of(job, variables);
  made.start_ticks = ticks_now();
  const int error = launch(program.c_str(), argv.data(), variables.data(), log.c_str(), job.folder.c_str(), made.pid);
  if (error != 0) return spawn_error("'" + job.argv.front() + "' cannot be started", error);
  return made;
}

std::string boot_id() {
  auto text = read_small("/proc/sys/kernel/random/boot_id").value_or("unknown");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

bool is_running(pid_t pid, std::int64_t start_ticks) {
  const auto text = read_small("/proc/" + std::to_string(pid) + "/stat");
  if (!text) return false;
  const auto name_end = text->rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return false;
  std::string_view left = std::string_view(*text).substr(name_end + 1);
  std::string_view field;
  std::string_view state;
  for (int number = 2; number < 22; ++number) {  // field 22: the start
    left.remove_prefix(std::min(left.size(), left.find_first_not_of(' ')));
    field = left.substr(0, left.find(' '));
    left.remove_prefix(field.size());
    if (number == 2) state = field;
  }
  std::int64_t started = 0;
  if (std::from_chars(field.data(), field.data() + field.size(), started).ec != std::errc()) return false;
  return state != "Z" && state != "X" && started >= start_ticks - 1 && started <= start_ticks + 2;
}

bool bury(const std::set<std::string>& jobs, int patience_ms) {
  for (int waited_ms = 0;; waited_ms += 5) {
    if (kill_once(jobs) == 0) return true;
    if (waited_ms >= patience_ms) return false;
    const timespec pause{.tv_sec = 0, .tv_nsec = 5'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

void signal_others(const std::string& job, pid_t leader, int signal) {
  for (const auto pid : processes_above(0))
    if (job_of(pid) == job && ::getpgid(pid) != leader) ::kill(pid, signal);
}

bool kill_left(const std::string& job, pid_t leader, const std::function<bool(pid_t)>& is_leader) {
  siginfo_t none{};
  if (::waitid(P_ALL, 0, &none, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD) return true;
  std::vector<pid_t> candidates;
  if (const auto children = children_of("/proc/thread-self")) {
    for (const auto child : *children)
      if (!is_leader(child)) add_tree(child, candidates);
  } else {
    candidates = processes_above(leader);  // the numbers of what it made are higher
  }
  bool gone = true;
  for (const auto pid : candidates) {
    if (is_leader(pid) || job_of(pid) != job) continue;
    gone = false;
    ::kill(pid, SIGKILL);
  }
  return gone;
}

OomCounter::OomCounter(std::string file) : file_(std::move(file)) {
  if (!file_.empty()) return;
  file_ = "/proc/vmstat";
  const auto groups = read_small("/proc/self/cgroup").value_or("");
  const auto at = groups.find("0::");
  if (at == std::string::npos) return;
  const auto path = "/sys/fs/cgroup" + groups.substr(at + 3, groups.find('\n', at) - at - 3) + "/memory.events";
  if (::access(path.c_str(), R_OK) == 0) file_ = path;
}

std::uint64_t OomCounter::read() const {
  const auto text = read_small(file_).value_or("");
  const auto at = text.find("oom_kill ");
  std::uint64_t kills = 0;
  if (at != std::string::npos) std::from_chars(text.data() + at + 9, text.data() + text.size(), kills);
  return kills;
}

bool remove_tree(const std::string& path) {
  if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return true;
  if (errno == ENOTDIR && ::unlink(path.c_str()) == 0) return true;
  std::error_code error;
  std::filesystem::remove_all(path, error);
  return !error;
}

bool make_folders(const std::string& path) {
  if (::mkdir(path.c_str(), folder_mode) == 0) return true;
  if (errno == EEXIST) {
    struct stat seen{};
    if (::stat(path.c_str(), &seen) == 0 && S_ISDIR(seen.st_mode)) return true;
    errno = ENOTDIR;
    return false;
  }
  if (errno != ENOENT) return false;
  const auto slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return false;
  return make_folders(path.substr(0, slash)) && (::mkdir(path.c_str(), folder_mode) == 0 || errno == EEXIST);
}

}  // namespace baton::local
