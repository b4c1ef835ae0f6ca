/// One run as a replica knows it: what the rows say, and an index over them, so that `decide` touches only what changed.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/dag.hpp"
#include "core/model.hpp"
#include "core/plan.hpp"
#include "core/result.hpp"
#include "core/states.hpp"

namespace baton::core {

/// How a run is named by messages, locks and people (C§2).
struct RunKey {
  UserId user;
  ProjectId project;
  Iteration iteration;
  auto operator<=>(const RunKey&) const = default;
};
[[nodiscard]] std::string to_text(const RunKey& key);  ///< `user:project:iteration`

// ---- what a run is: written once, by create_run ----------------------------------------------------------------------
struct TaskDefinition {
  Node node;        ///< `From` and `after` point into the run's tasks; what is made outside the run is `given`
  Reasons reasons;  ///< why it was planned
  Key key;          ///< digests of what is made upstream in this run are empty until the task is ready
  std::shared_ptr<const Success> previous;  ///< its last success; null: none
  bool may_cut_off = false;   ///< planned only because producers run: equal inputs make it up to date (early cut-off)
  std::vector<Stamp> stamps;  ///< input files (and `files:`) as they were when planned; the job's end is compared with them
};
struct RunDefinition {
  RunId id;
  RunUuid uuid;
  RunKey key;
  std::string request;      ///< digest of plan, values and selection: equal = "the same run goes on" after a kill
  bool keep_going = false;  ///< `-k`
  bool simulated = false;   ///< `--simulate`
  std::vector<TaskDefinition> tasks;
};

// ---- what has become of it: rows that passes write -----------------------------------------------------------------------
enum class Desire : std::uint8_t { run, cancel, remove };
[[nodiscard]] std::string_view to_text(Desire desire);
[[nodiscard]] std::optional<Desire> desire_from(std::string_view text);

/// Why a task that could go on does not (column `waiting`).
enum class Waiting : std::uint8_t { nothing, retry, backend, elsewhere, cluster, resources, result, proof };
[[nodiscard]] std::string_view to_text(Waiting waiting);
[[nodiscard]] std::optional<Waiting> waiting_from(std::string_view text);

/// The changing part of a task's row. One struct for reading and writing: a commit writes whole records.
struct TaskRecord {
  Index task = 0;
  State state = State::published;
  std::int32_t attempt = 0;   ///< attempts made so far; while live, the one that lives
  std::optional<JobId> job;   ///< never empty while is_live(state) (R1); of the newest attempt
  bool seen = false;          ///< live: the backend has answered for the job
  std::int32_t failures = 0;  ///< attempts that failed; counted against `retries.max`
  std::int32_t lost = 0;      ///< attempts that were lost; counted against `retries.lost`
  Waiting waiting = Waiting::nothing;
  Instant state_since{};                             ///< store's clock; written once, when `state` was entered (R5)
  std::optional<Instant> ready_since;                ///< when nothing but room was in its way; the waiting limit counts from it
  std::optional<Instant> not_before;                 ///< a retry's back-off
  std::optional<Instant> submitted, started, ended;  ///< of the newest attempt
  std::optional<std::int32_t> exit_code;
  std::string log;            ///< path of the newest attempt's log
  bool reused = false;        ///< SUCCESS without running: cut off early
  Reasons reasons;            ///< why it ran, or runs (TaskDefinition::reasons; an early cut-off adds what was found)
  std::vector<Error> errors;  ///< of the newest attempt (R10)
  std::shared_ptr<const Success> success;  ///< with state SUCCESS, never null (R2)
  bool operator==(const TaskRecord&) const = default;
};

enum class Outcome : std::uint8_t { open, succeeded, failed, aborted, lost, barred };
[[nodiscard]] std::string_view to_text(Outcome outcome);
[[nodiscard]] std::optional<Outcome> outcome_from(std::string_view text);
/// What an ended attempt still owes: its job's release; or, after the cancel patience ran out, its death as well (R9, R11).
enum class Owed : std::uint8_t { nothing, release, kill };
[[nodiscard]] std::string_view to_text(Owed owed);
[[nodiscard]] std::optional<Owed> owed_from(std::string_view text);

/// One try of a task (R7): a row of comp_task_attempts.
struct AttemptRecord {
  Index task = 0;
  std::int32_t attempt = 0;
  JobId job;
  std::string why;  ///< `planned`, `retry: exit`, `lost: …`; empty in the record of its end: as it was written at its beginning
  Outcome outcome = Outcome::open;
  Owed owed = Owed::nothing;
  std::optional<Instant> submitted, started, ended;
  std::optional<std::int32_t> exit_code;
  std::string log;
  std::vector<Error> errors;
  bool operator==(const AttemptRecord&) const = default;
};
/// What of an attempt a Run needs to know.
struct OwedRecord {
  Index task = 0;
  std::int32_t attempt = 0;
  JobId job;
  Owed owed = Owed::nothing;
  Instant since{};  ///< when the attempt ended
  bool operator==(const OwedRecord&) const = default;
};

/// The changing part of the run's row.
struct RunRecord {
  State result = State::published;
  Desire desire = Desire::run;
  std::optional<Instant> desired_at;  ///< when cancel or remove was asked for
  bool held = false;                  ///< too many failed passes (R8)
  /// R17. Since when it is in the line of its user's runs: tasks are ready, and there is no room in the backend, or others come first. The
  /// store's clock; begins anew when something could be handed over and something still stays behind.
  std::optional<Instant> no_room_since;
  bool has_turn = false;  ///< its next pass may take what room there is; taken back by that commit
  Instant created{};
  std::optional<Instant> started, ended;
  std::optional<Instant> processed;  ///< the mark that the newest commit has answered, or later; none: there was no commit yet
  bool operator==(const RunRecord&) const = default;
};

/// What begin_pass read under its fence. Tickets alone change a Run: any sequence of tickets with any `known` gives the same Run as one
/// ticket from zero.
struct Ticket {
  RunId run;
  Fence fence;
  std::optional<Instant> mark;  ///< `scheduled` as read
  Instant now{};                ///< the store's clock
  RunRecord record;
  std::shared_ptr<const RunDefinition> definition;  ///< with `known` = none only
  std::vector<TaskRecord> tasks;                    ///< those with changed_in > known
  std::vector<OwedRecord> owed;  ///< those whose attempt has ended, with changed_in > known; `nothing` = settled
};

class Run {
 public:
  Run() = default;
  /// Takes what a ticket says; one with a definition begins anew.
  void apply(const Ticket& ticket);

  [[nodiscard]] bool known() const { return definition_ != nullptr; }
  [[nodiscard]] const RunDefinition& definition() const { return *definition_; }
  [[nodiscard]] const RunRecord& record() const { return record_; }
  [[nodiscard]] const Dag& dag() const { return *dag_; }
  [[nodiscard]] Index size() const { return static_cast<Index>(tasks_.size()); }
  [[nodiscard]] const TaskRecord& task(Index index) const { return tasks_[index]; }
  [[nodiscard]] const TaskDefinition& definition_of(Index index) const { return definition_->tasks[index]; }

  // The index. Sets are ordered, so that walking them is deterministic.
  [[nodiscard]] std::uint32_t unfinished_predecessors(Index index) const { return waits_for_[index]; }
  [[nodiscard]] const std::set<Index>& ready() const { return ready_; }  ///< to start, nothing before it unfinished, no back-off
  [[nodiscard]] const std::set<Index>& to_start() const { return to_start_; }  ///< PUBLISHED or WAITING_FOR_CLUSTER
  [[nodiscard]] const std::set<Index>& live() const { return live_; }
  [[nodiscard]] const std::set<Index>& unseen() const { return unseen_; }  ///< live, and the backend has not answered yet
  [[nodiscard]] const std::set<std::pair<Instant, Index>>& deadlines() const {
    return deadlines_;
  }  ///< back-offs and waiting limits
  [[nodiscard]] const std::map<JobId, OwedRecord>& owed() const { return owed_; }
  /// Whether any of its steps limits the wait from ready to begun.
  [[nodiscard]] bool has_waiting_limits() const { return has_waiting_limits_; }
  /// Tasks that no backend can run: what they are to run is not known.
  [[nodiscard]] const std::vector<Index>& not_runnable() const { return not_runnable_; }
  [[nodiscard]] std::uint32_t count(State state) const { return counts_[static_cast<std::size_t>(state)]; }
  /// The task whose newest attempt has this job, while it is live.
  [[nodiscard]] std::optional<Index> live_task(const JobId& job) const;

 private:
  void enter(const TaskRecord& record);
  void leave(const TaskRecord& record);

  std::shared_ptr<const RunDefinition> definition_;
  std::shared_ptr<const Dag> dag_;
  RunRecord record_;
  std::vector<TaskRecord> tasks_;
  std::vector<std::uint32_t> waits_for_;  ///< predecessors that have not succeeded
  std::set<Index> ready_, to_start_, live_, unseen_;
  std::set<std::pair<Instant, Index>> deadlines_;
  bool has_waiting_limits_ = false;
  std::vector<Index> not_runnable_;
  std::map<JobId, OwedRecord> owed_;
  std::unordered_map<JobId, Index> jobs_;  ///< live ones; looked up, never walked
  std::array<std::uint32_t, state_count> counts_{};
};

/// When this record needs a visit by itself: the end of its back-off, or of its waiting limit.
[[nodiscard]] std::optional<Instant> deadline_of(const TaskDefinition& definition, const TaskRecord& record);

}  // namespace baton::core
