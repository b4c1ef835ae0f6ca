#include "wire/plans.hpp"

#include <nlohmann/json.hpp>

namespace baton::wire {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& object) { return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json list_of(const core::Reasons& reasons) {
  auto list = Json::array();
  for (const auto& reason : reasons)
    list.push_back({{"kind", core::to_text(reason.kind)}, {"port", reason.port}, {"detail", reason.detail}});
  return list;
}

}  // namespace

std::string plan_json(const core::Project& project, const core::Plan& plan) {
  auto tasks = Json::array();
  auto edges = Json::array();
  for (std::size_t i = 0; i < project.nodes.size(); ++i) {
    const auto& node = project.nodes[i];
    tasks.push_back({{"node", node.id.value()}, {"run", !plan.reasons[i].empty()}, {"reasons", list_of(plan.reasons[i])}});
    for (const auto before : core::predecessors(node))
      edges.push_back(Json::array({project.nodes[before].id.value(), node.id.value()}));
  }
  return text_of({{"tasks", std::move(tasks)}, {"edges", std::move(edges)}});
}

std::string why_json(const std::vector<core::Explained>& nodes) {
  auto list = Json::array();
  for (const auto& [node, lines] : nodes) {
    auto told = Json::array();
    for (const auto& line : lines) told.push_back({{"topic", core::to_text(line.topic)}, {"text", line.text}});
    list.push_back({{"node", node.value()}, {"lines", std::move(told)}});
  }
  return text_of({{"tasks", std::move(list)}});
}

}  // namespace baton::wire
