/// Processes as the keeper needs them: making one, telling it from a stranger with its number, and finding what is left of a job.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/local/messages.hpp"
#include "core/result.hpp"

namespace baton::local {

/// The variable by which a job's processes are known, whatever group or session they moved to.
inline constexpr std::string_view job_variable = "BATON_JOB";

/// Makes this process one whose children begin clean: nothing on stdin, no other descriptor passed on, all signals as by default. Before
/// the first spawn, which relies on it.
void as_keeper();

struct Made {
  pid_t pid = 0;
  std::int64_t start_ticks = 0;  ///< as in /proc/PID/stat, give or take one
  std::uint64_t inode = 0;       ///< of the work directory
};
/// Makes the work directory and the process in it: its own group, nothing on stdin, stdout and stderr in `<folder>.log`, no other
/// descriptor, all signals as by default. @param environment NAME=VALUE, under the job's own
/// Errors: keeper.spawn, with the errno as `where`.
[[nodiscard]] Result<Made> spawn(const Spec& job, std::span<const std::string> environment);

[[nodiscard]] std::string boot_id();
/// Whether `pid` is the process that began about then, and still runs (a zombie does not).
[[nodiscard]] bool is_running(pid_t pid, std::int64_t start_ticks);
/// Kills every process whose BATON_JOB is one of these, and waits until none is left. False: one did not go within `patience_ms`.
bool bury(const std::set<std::string>& jobs, int patience_ms);
/// Signals the processes of a job that are not in its leader's group.
void signal_others(const std::string& job, pid_t leader, int signal);
/// For a subreaper, after the job's leader was reaped: kills what is left of the job outside its group. True: nothing is. It costs one
/// call while this process has no children, else one small read while all of them are leaders (of jobs that run). Where the kernel does
/// not list children, the processes with a higher number than the leader are looked at.
bool kill_left(const std::string& job, pid_t leader, const std::function<bool(pid_t)>& is_leader);

/// How many processes the kernel has killed for want of memory: of our control group where it counts them, else of the host.
class OomCounter {
 public:
  /// @param file  to be read in place of the kernel's (tests); empty: the kernel's
  explicit OomCounter(std::string file = {});
  [[nodiscard]] std::uint64_t read() const;

 private:
  std::string file_;
};

/// Removes a file or a whole tree, links not followed. False: something is left.
bool remove_tree(const std::string& path);
/// `mkdir -p`. False: errno says why.
bool make_folders(const std::string& path);

}  // namespace baton::local
