#include "cli/json.hpp"

#include <map>
#include <nlohmann/json.hpp>

#include "core/time_text.hpp"

namespace baton::cli {
namespace {

using Json = nlohmann::ordered_json;

/// What a process wrote may stand in an error: bytes that are not UTF-8 are replaced.
std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json json_of(const std::optional<core::Instant>& time) { return time ? Json(core::to_text(*time)) : Json(nullptr); }

Json json_of(const core::Reasons& reasons) {
  auto list = Json::array();
  for (const auto& reason : reasons)
    list.push_back({{"kind", core::to_text(reason.kind)}, {"port", reason.port}, {"detail", reason.detail}});
  return list;
}

Json json_of(const Error& error) {
  return {{"code", error.code}, {"what", error.what}, {"where", error.where}, {"way_out", error.way_out}};
}

Json json_of(const core::Products& products) {
  auto object = Json::object();
  for (const auto& product : products) {
    const auto* value = std::get_if<core::Value>(&product.content);
    object[product.port] = value ? Json::parse(value->json, nullptr, false) : Json(std::get<core::Stamp>(product.content).path);
  }
  return object;
}

Json json_of(const RunView& run) {
  return {{"id", run.uuid.value()},
          {"iteration", run.key.iteration.value()},
          {"result", core::to_text(run.record.result)},
          {"created", core::to_text(run.record.created)},
          {"started", json_of(run.record.started)},
          {"ended", json_of(run.record.ended)}};
}
Json json_of(const std::optional<RunView>& run) { return run ? json_of(*run) : Json(nullptr); }

Json json_of(const TaskReport& task) {
  auto errors = Json::array();
  for (const auto& error : task.errors) errors.push_back(json_of(error));
  return {{"node", task.node.value()},
          {"state", core::to_text(task.state)},
          {"reasons", json_of(task.reasons)},
          {"reused", task.reused},
          {"attempt", task.attempt},
          {"submitted", json_of(task.submitted)},
          {"started", json_of(task.started)},
          {"ended", json_of(task.ended)},
          {"exit_code", task.exit_code ? Json(*task.exit_code) : Json(nullptr)},
          {"log", task.log},
          {"outputs", json_of(task.outputs)},
          {"errors", std::move(errors)}};
}
Json json_of(const std::vector<TaskReport>& tasks) {
  auto list = Json::array();
  for (const auto& task : tasks) list.push_back(json_of(task));
  return list;
}

}  // namespace

std::string run_json(const std::optional<RunView>& run, const std::vector<TaskReport>& tasks) {
  return text_of({{"run", json_of(run)}, {"tasks", json_of(tasks)}});
}

std::string status_json(const std::optional<RunView>& run, const std::vector<TaskReport>& tasks,
                        const std::optional<Holder>& holder) {
  auto list = json_of(tasks);
  for (std::size_t i = 0; i < tasks.size(); ++i)
    list[i]["progress"] = tasks[i].progress ? Json(*tasks[i].progress) : Json(nullptr);
  return text_of({{"run", json_of(run)}, {"tasks", std::move(list)}, {"pid", holder ? Json(holder->pid) : Json(nullptr)}});
}

std::string history_json(const std::vector<PastRun>& runs) {
  auto list = Json::array();
  for (const auto& [run, tasks] : runs) {
    std::map<std::string_view, int> counts;
    for (const auto& task : tasks) ++counts[core::to_text(task.record.state)];
    auto object = json_of(run);
    object["tasks"] = Json::object();
    for (const auto& [state, count] : counts) object["tasks"][std::string(state)] = count;
    list.push_back(std::move(object));
  }
  return text_of({{"runs", std::move(list)}});
}

std::string cancel_json(const std::optional<RunView>& run) { return text_of({{"run", json_of(run)}}); }

std::string held_json(const std::vector<RunView>& runs) {
  auto list = Json::array();
  for (const auto& run : runs) {
    auto object = json_of(run);
    object["run"] = core::to_text(run.key);
    object["last_failure"] = run.last_failure;
    list.push_back(std::move(object));
  }
  return text_of({{"runs", std::move(list)}});
}

std::string version_json() { return text_of({{"version", BATON_VERSION}}); }
std::string error_json(const Error& error) { return text_of({{"error", json_of(error)}}); }

}  // namespace baton::cli
