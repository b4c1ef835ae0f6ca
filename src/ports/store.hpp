/// Where runs live. Every method is one transaction; times are the store's own clock (R5). Shared by all coroutines of a replica: calls
/// may overlap. Errors of all: store.unavailable (for writes: unknown whether written; the next pass finds out), store.damaged.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/decide.hpp"
#include "core/run.hpp"
#include "ports/events.hpp"
#include "ports/runtime.hpp"

namespace baton {

/// A run about to be made: its tasks are PUBLISHED, `scheduled` is NULL.
struct NewRun {
  RunUuid uuid;
  UserId user;
  ProjectId project;
  std::string request;  ///< see RunDefinition
  bool keep_going = false;
  bool simulated = false;
  std::vector<core::TaskDefinition> tasks;
  /// All node ids of the project, in document order: comp_tasks keeps these (others are dropped from the view).
  std::vector<NodeId> project_nodes;
  /// The request that asked for it (`collection_run_id` of C§6.2), so that the same request, sent again, finds the run that it began.
  /// Unique per project; empty: the run's uuid.
  std::string collection;
  std::string metadata;  ///< JSON object, kept as it is for messages (C§5.7); empty: none
};

struct BeginPass {
  core::RunKey run;
  Fence known = Fence::none();  ///< what the caller has of the run already (the fence of its last pass - 1)
  ReplicaId replica;
  /// Passes of this replica that began and then ended fenced or unavailable: not the run's failures (R8).
  std::int32_t excused = 0;
  std::string failure;  ///< what our last pass failed with, by the run's doing; kept as `last_failure` if this one begins
};

/// What a commit answers. `woken`: the mark moved since the ticket was read, so there is more to do; `open`: see design §1.
struct Committed {
  bool woken = false;
  bool open = true;
  bool line = false;  ///< other runs of the user stand in line for room (R17)
  std::vector<Outgoing>
      messages;  ///< the decision's announcements as they stand in the outbox; none where the store keeps no outbox
};

/// A wake-up's answer: whether a message has to be published (the mark was not pending before).
struct Woken {
  bool publish = false;
  ReplicaId
      follower;  ///< of the newest pass that committed; empty: nobody. Another one than the caller: its jobs are no longer ours to follow
};

/// A run as people see it.
struct RunView {
  RunId id;
  RunUuid uuid;
  core::RunKey key;
  core::RunRecord record;
  std::string request;
  bool keep_going = false;
  bool simulated = false;
  bool open = true;
  Fence fence;
  std::optional<core::Instant> scheduled, processed, wake_at;
  std::string last_failure;
  ReplicaId follower;      ///< the replica of its newest committed pass; empty: none, or gone
  std::string collection;  ///< see NewRun
};
/// A task of a run as people see it.
struct TaskView {
  NodeId node;
  core::TaskRecord record;
  std::optional<double> progress;
};
/// A node's row in the view of the project's newest run (comp_tasks).
struct NodeView {
  NodeId node;
  core::State state = core::State::not_started;
  std::shared_ptr<const core::Success> success;    ///< its last success that was not simulated
  std::shared_ptr<const core::Success> simulated;  ///< its last success in a simulated run
  std::optional<RunId> run;                        ///< the newest run that had it
};

struct DuePolicy {
  core::Duration revisit = std::chrono::minutes(10);  ///< processed longer ago than this: visited all the same
  core::Duration lost = std::chrono::seconds(15);     ///< pending for longer: published again; doubling to ten minutes
};

struct ProgressWrite {
  core::RunKey run;
  Index task = 0;
  JobId job;
  double progress = 0;  ///< 0 to 1; only ever upwards, only while this job is live (R3)
};

/// What waits in the backend, and what waits to be let in (R17). Runs that rest (held, and nothing asked of them) count for nothing.
struct Crowd {
  struct Waiting {
    core::RunKey run;
    std::uint32_t jobs = 0;  ///< PENDING: handed over, and not begun
  };
  std::vector<Waiting> runs;                ///< open ones that have any
  std::map<UserId, std::uint32_t> in_line;  ///< how many open runs of a user wait for room, and have no turn yet; none: not here
};

/// A node's last success, with stamps of the same content that prove more.
struct Restamped {
  NodeId node;
  std::shared_ptr<const core::Success> success;  ///< never null; its run and attempt say which one it is
};

/// A project as its user gave it.
struct ProjectDocument {
  ProjectId id;
  UserId user;
  std::string name;
  std::string document;  ///< JSON: what `api` was given, and reads back
};

/// What there is to read of runs: for people, here or over a line.
class Records {
 public:
  virtual ~Records() = default;
  /// Newest first, at most `max`. An unknown project has none.
  virtual awaitable<Result<std::vector<RunView>>> runs(ProjectId project, std::size_t max) = 0;
  /// Errors: store.not_found.
  virtual awaitable<Result<RunView>> run(core::RunKey run) = 0;
  /// The run's tasks with changed_in > `since`, by index. `Fence::none()`: all.
  virtual awaitable<Result<std::vector<TaskView>>> tasks(core::RunKey run, Fence since) = 0;
  /// All attempts of a run, or of one of its nodes, by task and attempt.
  virtual awaitable<Result<std::vector<core::AttemptRecord>>> attempts(core::RunKey run, std::optional<NodeId> node) = 0;
  /// The view of the project's newest runs, in document order.
  virtual awaitable<Result<std::vector<NodeView>>> nodes(ProjectId project) = 0;
};

class Store : public Records {
 public:
  // ---- projects -------------------------------------------------------------------------------------------------------
  /// Makes or replaces a project; its user is made where there is none. Errors: store.not_yours (it is another user's).
  virtual awaitable<Result<void>> put_project(ProjectDocument project) = 0;
  /// Errors: store.not_found.
  virtual awaitable<Result<ProjectDocument>> project(ProjectId id) = 0;

  /// Takes these in the place of the nodes' last successes, where they still are that: a file that was too young for its stamp to prove
  /// anything, or was touched, has been read again, and is as it was. Outside any run, and of no consequence but that it need not be read again.
  virtual awaitable<Result<void>> restamp(ProjectId project, std::vector<Restamped> successes) = 0;

  // ---- starting -------------------------------------------------------------------------------------------------------
  /// Errors: store.run_exists (the project has an unfinished run, or one of this collection: `where` = its key), store.bad_run.
  virtual awaitable<Result<core::RunKey>> create_run(NewRun run) = 0;
  /// R4: always moves the mark of an open run, and says whether a message has to be published. `jobs`: whose push caused it; those whose
  /// attempt has ended owe their release again (R9), which opens the run again. A run that is not open and owes nothing: no change.
  /// Errors: store.not_found.
  virtual awaitable<Result<Woken>> wake(core::RunKey run, std::vector<JobId> jobs) = 0;
  /// Writes the desire and its mark in one transaction, clears wake_at. Publish always. A run that is final: no change, not an error.
  /// Errors: store.not_found.
  virtual awaitable<Result<Woken>> desire(core::RunKey run, core::Desire desire) = 0;

  // ---- the pass -------------------------------------------------------------------------------------------------------
  /// Opens a pass: raises the run's fence, counts a failure (cleared by commit), writes wake_at = clock + back-off(failures), and reads.
  /// Errors: store.not_found · store.ended (not open; its mark is cleared) · store.backing_off (`where` = µs until its time) ·
  /// store.held (held, and no desire: nothing to do) · store.foreign (another program made it, and it is not adopted: nothing is written;
  /// adopting it makes it due).
  virtual awaitable<Result<core::Ticket>> begin_pass(BeginPass pass) = 0;
  /// Writes a decision if `ticket.fence` is still the run's highest; then mark, `processed`, `committed`, `open`.
  /// Errors: store.fenced (a newer pass owns the run, or it is gone: act on nothing; `where` = "pending" if its mark still is).
  virtual awaitable<Result<Committed>> commit(core::Ticket ticket, core::Decision decision) = 0;
  /// Of jobs that run, in batches; outside the fence.
  virtual awaitable<Result<void>> write_progress(std::vector<ProgressWrite> writes) = 0;

  // ---- the manager ----------------------------------------------------------------------------------------------------
  /// Moves the marks of the open runs that are due (design §6) and gives those to publish, at most `max`.
  virtual awaitable<Result<std::vector<core::RunKey>>> due(DuePolicy policy, std::size_t max) = 0;
  /// Says that this replica lives, from now until the store learns otherwise.
  virtual awaitable<Result<void>> join(ReplicaId replica) = 0;
  /// Marks the open runs whose follower (replica of the last pass) is gone; gives those to publish.
  virtual awaitable<Result<std::vector<core::RunKey>>> orphans(std::size_t max) = 0;

  /// Whether the replica had joined and is gone. Of one that never joined nothing is known: it is not.
  virtual awaitable<Result<bool>> is_gone(ReplicaId replica) = 0;

  // ---- room and turns (R17) -------------------------------------------------------------------------------------------
  virtual awaitable<Result<Crowd>> crowd() = 0;
  /// Gives their turn to those runs of a user that have been in line the longest, and marks them; gives them to be published. At most as many
  /// as there is room now: `waiting_max`, less his jobs that wait in the backend, less the turns that were given and are not taken yet.
  virtual awaitable<Result<std::vector<core::RunKey>>> give_turns(UserId user, std::uint32_t waiting_max) = 0;

  // ---- quarantine (R8) ------------------------------------------------------------------------------------------------
  /// Held runs that are open, the oldest run first.
  virtual awaitable<Result<std::vector<RunView>>> held(std::size_t max) = 0;
  /// Lets a held run go on: its failures are forgotten, its mark is moved, wake_at cleared. Publish always. One that is not held: no
  /// change, nothing to publish. Errors: store.not_found.
  virtual awaitable<Result<Woken>> release_held(core::RunKey run) = 0;

  // ---- the relay ------------------------------------------------------------------------------------------------------
  /// Messages in the outbox for longer than `age`, oldest first, also of ended runs.
  virtual awaitable<Result<std::vector<Outgoing>>> outbox(core::Duration age, std::size_t max) = 0;
  /// They were published: removes them; a run that owed nothing else is not open any more.
  virtual awaitable<Result<void>> told(std::vector<MessageId> messages) = 0;

  // ---- reading, beside Records ----------------------------------------------------------------------------------------
  struct Watched {
    core::RunKey run;
    Fence known;  ///< fence of the row when it was last read
  };
  /// Those of the runs whose row may have changed since (their fence has grown, or they are gone).
  virtual awaitable<Result<std::vector<core::RunKey>>> changed(std::vector<Watched> runs) = 0;
  /// What a run is. Errors: store.not_found, store.foreign.
  virtual awaitable<Result<std::shared_ptr<const core::RunDefinition>>> definition(core::RunKey run) = 0;
};

}  // namespace baton
