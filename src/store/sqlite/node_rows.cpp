#include <algorithm>
#include <map>

#include "store/sqlite/rows.hpp"
#include "store/sqlite/values.hpp"

namespace baton::sqlite {

NodeRows::NodeRows(Database& database)
    : database_(database),
      names_(database, "SELECT node_id FROM comp_tasks WHERE project_id = ?"),
      remove_(database, "DELETE FROM comp_tasks WHERE project_id = ? AND node_id = ?"),
      upsert_(database,
              "INSERT INTO comp_tasks (project_id, node_id, position, snapshot_task_id) VALUES (?1, ?2, ?3, ?4)"
              " ON CONFLICT (project_id, node_id) DO UPDATE SET position = ?3, snapshot_task_id = ?4"),
      set_position_(database,
                    "INSERT INTO comp_tasks (project_id, node_id, position) VALUES (?1, ?2, ?3)"
                    " ON CONFLICT (project_id, node_id) DO UPDATE SET position = ?3"),
#define OF_TASK " WHERE project_id = ?1 AND node_id = (SELECT node_id FROM comp_run_snapshot_tasks WHERE snapshot_task_id = ?2)"
      set_success_(database, "UPDATE comp_tasks SET success_in = ?2" OF_TASK),
      set_simulated_(database, "UPDATE comp_tasks SET simulated_in = ?2" OF_TASK),
#undef OF_TASK
      restamp_(database,
               "UPDATE comp_run_snapshot_tasks SET success = ?3 WHERE snapshot_task_id ="
               " (SELECT success_in FROM comp_tasks WHERE project_id = ?1 AND node_id = ?2)"
               " AND json_extract(success, '$.run') = ?4 AND json_extract(success, '$.attempt') = ?5"),
      all_(database,
           "SELECT node.position, node.node_id, coalesce(newest.state, 'NOT_STARTED'), newest.run_id, good.success,"
           " simulated.success FROM comp_tasks node"
           " LEFT JOIN comp_run_snapshot_tasks newest ON newest.snapshot_task_id = node.snapshot_task_id"
           " LEFT JOIN comp_run_snapshot_tasks good ON good.snapshot_task_id = node.success_in"
           " LEFT JOIN comp_run_snapshot_tasks simulated ON simulated.snapshot_task_id = node.simulated_in"
           " WHERE node.project_id = ?") {
}

void NodeRows::begin_run(const core::RunDefinition& definition, const std::vector<NodeId>& project_nodes) {
  const auto& project = definition.key.project.value();
  std::set<std::string> outdated;
  {
    auto rows = names_.rows(project);
    while (rows.next()) outdated.emplace(rows.text());
  }
  std::map<NodeId, std::size_t> in_run;
  for (std::size_t i = 0; i < definition.tasks.size(); ++i) in_run.emplace(definition.tasks[i].node.id, i);
  for (std::size_t i = 0; i < project_nodes.size(); ++i) {
    const auto& node = project_nodes[i];
    if (const auto found = in_run.find(node);
        found != in_run.end() && !definition.simulated) {  // what is pretended is no state of a node
      upsert_.run(project, node.value(), i, task_id(definition.id, found->second));
    } else {
      set_position_.run(project, node.value(), i);
    }
    outdated.erase(node.value());
  }
  for (const auto& node : outdated) remove_.run(project, node);
}

void NodeRows::succeeded(const core::RunKey& key, RunId run, Index task, bool simulated) {
  (simulated ? set_simulated_ : set_success_).run(key.project.value(), task_id(run, task));
}

void NodeRows::restamp(const ProjectId& project, const NodeId& node, const core::Success& success) {
  restamp_.run(project.value(), node.value(), store::to_json(success), success.run.value(), success.attempt);
}

std::vector<NodeView> NodeRows::of_project(const ProjectId& project) {
  std::vector<std::pair<std::int64_t, NodeView>> placed;
  auto rows = all_.rows(project.value());
  while (rows.next()) {
    auto& [position, node] = placed.emplace_back();
    position = rows.number();
    node.node = NodeId(std::string(rows.text()));
    const auto state = rows.text();
    node.state = known(database_, core::state_from(state), state);
    const auto run = rows.number();  // NULL reads as 0, which no run has
    if (run != 0) node.run = RunId(run);
    node.success = success_from_column(database_, rows.some_text());
    node.simulated = success_from_column(database_, rows.some_text());
  }
  // Here, not by ORDER BY: SQLite would copy the text of every success into its sorter.
  std::ranges::sort(placed, {}, &std::pair<std::int64_t, NodeView>::first);
  std::vector<NodeView> nodes;
  nodes.reserve(placed.size());
  for (auto& [position, node] : placed) nodes.push_back(std::move(node));
  return nodes;
}

}  // namespace baton::sqlite
