/// Core types as rows, and back. Each method is one statement or a few; transactions are the caller's. Throws Failure.
#pragma once

#include <set>
#include <vector>

#include "core/decide.hpp"
#include "core/run_row.hpp"
#include "ports/store.hpp"
#include "store/sqlite/database.hpp"

namespace baton::sqlite {

struct StoredRun {
  RunId id;
  RunUuid uuid;
  core::RunKey key;
  std::string request;
  bool keep_going = false;
  bool simulated = false;
  bool newest = false;               ///< of its project
  std::string collection, metadata;  ///< see NewRun; empty: none
  core::RunRow row;
};

class RunRows {
 public:
  explicit RunRows(Database& database);
  std::optional<StoredRun> find(const core::RunKey& key);
  std::optional<StoredRun> find(RunId id);
  std::vector<StoredRun> of_project(const ProjectId& project, std::size_t max);
  std::vector<StoredRun> open_ones();
  /// Whether runs of the user but this one stand in line for room.
  bool others_in_line(UserId user, RunId run);
  std::optional<core::RunKey> unfinished(const ProjectId& project);
  bool has(const RunUuid& uuid);
  std::optional<core::RunKey> of_collection(const ProjectId& project, const std::string& collection);
  /// Its id and iteration are given here; it becomes the newest of its project.
  void insert(StoredRun& run);
  /// Writes what differs.
  void update(RunId id, const core::RunRow& before, const core::RunRow& after);

 private:
  Database& database_;
  Statement by_key_, by_id_, of_project_, open_, in_line_, unfinished_, has_uuid_, iteration_, not_newest_, of_collection_,
      insert_, update_marks_, update_record_;
};

class ProjectRows {
 public:
  explicit ProjectRows(Database& database);
  std::optional<ProjectDocument> find(const ProjectId& id);
  void put(const ProjectDocument& project);

 private:
  Statement find_, put_;
};

class DefinitionRows {
 public:
  explicit DefinitionRows(Database& database);
  void insert(const core::RunDefinition& definition);
  std::shared_ptr<const core::RunDefinition> load(const StoredRun& run);

 private:
  Database& database_;
  Statement insert_steps_, insert_task_, steps_, tasks_;
};

class TaskRows {
 public:
  explicit TaskRows(Database& database);
  void insert(RunId run, const core::TaskDefinition& definition, const core::TaskRecord& record);
  /// @param success  `record.success` as JSON; empty: it has none
  void update(RunId run, Fence fence, const core::TaskRecord& record, const std::string& success);
  std::vector<core::TaskRecord> records(RunId run, Fence since);
  std::vector<TaskView> views(RunId run, Fence since);
  void write_progress(RunId run, const ProgressWrite& write);
  std::uint32_t count_waiting(RunId run);

 private:
  template <class Take>
  void walk(RunId run, Fence since, Take take);
  Database& database_;
  Statement insert_, update_, since_, progress_, waiting_;
};

using AttemptKey = std::pair<Index, std::int32_t>;  ///< task and attempt

class AttemptRows {
 public:
  explicit AttemptRows(Database& database);
  void write(RunId run, Fence fence, const core::AttemptRecord& attempt);
  /// Of the attempts that have ended; with `since` none: those alone that owe something.
  std::vector<core::OwedRecord> owed(RunId run, Fence since);
  bool owes(RunId run);
  /// R9: a job of an ended attempt that owed nothing owes its release again. None: nothing has changed.
  std::optional<core::OwedRecord> owe_release(RunId run, AttemptKey attempt, const JobId& job, Fence fence);
  std::optional<core::OwedRecord> settle(RunId run, AttemptKey attempt, const JobId& job, Fence fence);
  std::vector<std::pair<JobId, AttemptKey>> jobs(RunId run);
  std::vector<core::AttemptRecord> of_run(RunId run, const std::optional<NodeId>& node);

 private:
  Database& database_;
  Statement write_, owing_, owed_since_, owes_, owe_release_, settle_, jobs_, all_, of_node_;
};

/// comp_tasks: the view of each project's newest run.
class NodeRows {
 public:
  explicit NodeRows(Database& database);
  void begin_run(const core::RunDefinition& definition, const std::vector<NodeId>& project_nodes);
  /// The task has succeeded. Nothing where its node is no longer in the view.
  void succeeded(const core::RunKey& key, RunId run, Index task, bool simulated);
  /// Nothing where the node's last success is another one.
  void restamp(const ProjectId& project, const NodeId& node, const core::Success& success);
  std::vector<NodeView> of_project(const ProjectId& project);

 private:
  Database& database_;
  Statement names_, remove_, upsert_, set_position_, set_success_, set_simulated_, restamp_, all_;
};

}  // namespace baton::sqlite
