/// What is sent to a backend for an attempt, and what comes back.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/model.hpp"
#include "core/result.hpp"
#include "core/run.hpp"

namespace baton::core {

/// An input with its value at hand: a value, the path of a file or folder, or a list of these.
struct Resolved {
  std::string port;
  bool list = false;                              ///< gathered
  std::vector<std::variant<Value, Stamp>> items;  ///< exactly one unless `list`
  bool operator==(const Resolved&) const = default;
};

/// Byte for byte the same each time it is sent for an id (R1): no time, replica or fence in it.
struct Job {
  JobId id;
  RunKey run;
  RunUuid run_uuid;
  NodeId node;
  std::int32_t attempt = 0;
  std::string folder;  ///< folder_of(node)
  std::shared_ptr<const Step> step;
  std::vector<std::pair<std::string, Value>> foreach, params;
  std::vector<Resolved> inputs;
  std::vector<Stamp> stamps;  ///< input files as planned, and as others made them: an end tells which of them moved since
  bool simulated = false;     ///< run `true` instead of the command; outputs are neither made nor checked
};

enum class EndKind : std::uint8_t { ok, exit, signal, oom, timeout, silence, output, cancelled, spawn };
[[nodiscard]] std::string_view to_text(EndKind kind);
[[nodiscard]] std::optional<EndKind> end_kind_from(std::string_view text);

/// How a job ended.
struct JobEnd {
  EndKind kind = EndKind::ok;
  std::optional<std::int32_t> exit_code;  ///< 128 + signal where a signal ended it
  std::optional<Error> error;             ///< not for `ok`
  Products products;                      ///< for `ok`: in the order of Step::outputs, already published (R2)
  std::vector<std::string> moved;         ///< paths of `Job::stamps` that changed while it ran
  std::optional<Instant> started, ended;  ///< by the clock where it ran
  std::string log;
};

/// What the backend says of a job. `unknown` is an answer ("I have no such job"), `silent` is none (time-out, no connection): neither
/// ends a job. `barred`: its claim is ours, it can never begin any more; `begun`: the bar came late (R15); `dead`: begun, and its worker
/// is gone. `lacking`: held, but nothing there can run it now. `finished`: its result is on the way; `done`, `erred`: it has arrived.
enum class Seen : std::uint8_t { silent, unknown, barred, begun, dead, queued, lacking, running, finished, done, erred };
inline constexpr int seen_count = 11;
[[nodiscard]] std::string_view to_text(Seen seen);

struct Observation {
  JobId job;
  Seen seen = Seen::silent;
  std::optional<Instant> started;     ///< with `running`, where known
  std::string log;                    ///< with `running`, where known
  std::shared_ptr<const JobEnd> end;  ///< with `done` and `erred`, never null
  bool elsewhere = false;             ///< with `silent`: only another host can see it
};

/// The job of a task's attempt, from the run alone. All its inputs must be known: its predecessors have succeeded.
[[nodiscard]] Job job_of(const Run& run, Index task, std::int32_t attempt, const std::map<Index, TaskRecord>& changes);

/// Checks what a job made against what its step declares: each port, in order, of its kind. The backend asks before it publishes,
/// `decide` before it writes SUCCESS. None: all is well.
[[nodiscard]] std::optional<Error> check_products(const Step& step, const Products& products);

}  // namespace baton::core
