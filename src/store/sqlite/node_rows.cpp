#include "store/sqlite/rows.hpp"
#include "store/sqlite/values.hpp"

namespace baton::sqlite {

NodeRows::NodeRows(Database& database)
    : database_(database),
      names_(database, "SELECT node_id FROM comp_tasks WHERE project_id = ?"),
      remove_(database, "DELETE FROM comp_tasks WHERE project_id = ? AND node_id = ?"),
      upsert_(database,
              "INSERT INTO comp_tasks (project_id, node_id, position, state, run_id) VALUES (?1, ?2, ?3, ?4, ?5)"
              " ON CONFLICT (project_id, node_id) DO UPDATE SET position = ?3, state = ?4, run_id = ?5"),
      set_position_(database,
                    "INSERT INTO comp_tasks (project_id, node_id, position, state) VALUES (?1, ?2, ?3, ?4)"
                    " ON CONFLICT (project_id, node_id) DO UPDATE SET position = ?3"),
#define OF_TASK                                \
  " WHERE project_id = ?1 AND node_id =" \
  " (SELECT node_id FROM comp_run_snapshot_tasks WHERE snapshot_task_id = ?2)"
      set_state_(database, "UPDATE comp_tasks SET state = ?3" OF_TASK),
      set_success_(database, "UPDATE comp_tasks SET state = ?3, success = ?4" OF_TASK),
      set_simulated_(database, "UPDATE comp_tasks SET state = ?3, simulated = ?4" OF_TASK),
#undef OF_TASK
      all_(database, "SELECT node_id, state, run_id, success, simulated FROM comp_tasks WHERE project_id = ? ORDER BY position") {}

void NodeRows::begin_run(const core::RunDefinition& definition, const std::vector<NodeId>& project_nodes) {
  const auto& project = definition.key.project.value();
  std::set<std::string> outdated;
  {
    auto rows = names_.rows(project);
    while (rows.next()) outdated.emplace(rows.text());
  }
  std::set<NodeId> in_run;
  for (const auto& task : definition.tasks) in_run.insert(task.node.id);
  for (std::size_t i = 0; i < project_nodes.size(); ++i) {
    const auto& node = project_nodes[i];
    if (in_run.contains(node)) {
      upsert_.run(project, node.value(), i, core::to_db(core::State::published), definition.id.value());
    } else {
      set_position_.run(project, node.value(), i, core::to_db(core::State::not_started));
    }
    outdated.erase(node.value());
  }
  for (const auto& node : outdated) remove_.run(project, node);
}

void NodeRows::update(const core::RunKey& key, RunId run, const core::TaskRecord& record, const std::string& success, bool simulated) {
  const auto& project = key.project.value();
  const auto task = task_id(run, record.task);
  const auto state = core::to_db(record.state);
  if (success.empty()) {
    set_state_.run(project, task, state);
  } else {
    (simulated ? set_simulated_ : set_success_).run(project, task, state, success);
  }
}

std::vector<NodeView> NodeRows::of_project(const ProjectId& project) {
  std::vector<NodeView> nodes;
  auto rows = all_.rows(project.value());
  while (rows.next()) {
    NodeView node;
    node.node = NodeId(std::string(rows.text()));
    const auto state = rows.text();
    node.state = known(database_, core::state_from(state), state);
    const auto run = rows.number();  // NULL reads as 0, which no run has
    if (run != 0) node.run = RunId(run);
    node.success = success_from_column(database_, rows.some_text());
    node.simulated = success_from_column(database_, rows.some_text());
    nodes.push_back(std::move(node));
  }
  return nodes;
}

}  // namespace baton::sqlite
