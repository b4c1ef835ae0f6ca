#include "wire/read_plans.hpp"

#include <nlohmann/json.hpp>
#include <optional>

#include "wire/views.hpp"

namespace baton::wire {
namespace {

tl::unexpected<Error> invalid(std::string where, std::string what) {
  return fail({.code = "api.invalid", .what = std::move(what), .where = std::move(where), .way_out = {}});
}

/// A text that is a member of an object; none: it is missing, or no text.
std::optional<std::string> text_in(const json& object, const char* name) {
  if (!object.is_object()) return std::nullopt;
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? std::optional(found->get<std::string>()) : std::nullopt;
}

const json* list_in(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? &*found : nullptr;
}

std::optional<core::Topic> topic_from(std::string_view text) {
  for (auto topic = core::Topic::state; topic <= core::Topic::log;
       topic = static_cast<core::Topic>(static_cast<std::uint8_t>(topic) + 1))
    if (core::to_text(topic) == text) return topic;
  return std::nullopt;
}

/// What `read` makes of each object of the list `tasks`.
template <class T>
Result<std::vector<T>> tasks_in(std::string_view text, Result<T> (*read)(const json& task, std::string node)) {
  const auto object = parse(text);
  if (!object) return fail(object.error());
  const auto* const tasks = list_in(*object, "tasks");
  if (tasks == nullptr) return invalid("tasks", "a list is expected");
  std::vector<T> list;
  for (const auto& task : *tasks) {
    auto node = text_in(task, "node");
    if (!node) return invalid("node", "a text is expected");
    auto one = read(task, std::move(*node));
    if (!one) return fail(one.error());
    list.push_back(std::move(*one));
  }
  return list;
}

Result<PlannedTask> planned_from(const json& task, std::string node) {
  PlannedTask planned{.node = NodeId(std::move(node)), .reasons = {}};
  const auto* const reasons = list_in(task, "reasons");
  if (reasons == nullptr) return invalid("reasons", "a list is expected");
  for (const auto& reason : *reasons) {
    const auto kind = core::reason_kind_from(text_in(reason, "kind").value_or(""));
    if (!kind) return invalid("kind", "a reason's kind is expected");
    planned.reasons.push_back(
        {.kind = *kind, .port = text_in(reason, "port").value_or(""), .detail = text_in(reason, "detail").value_or("")});
  }
  return planned;
}

Result<core::Explained> explained_from(const json& task, std::string node) {
  core::Explained explained{.node = NodeId(std::move(node)), .lines = {}};
  const auto* const lines = list_in(task, "lines");
  if (lines == nullptr) return invalid("lines", "a list is expected");
  for (const auto& line : *lines) {
    const auto topic = topic_from(text_in(line, "topic").value_or(""));
    if (topic) explained.lines.push_back({.topic = *topic, .text = text_in(line, "text").value_or("")});
  }
  return explained;
}

}  // namespace

Result<std::vector<PlannedTask>> plan_from(std::string_view text) { return tasks_in(text, planned_from); }
Result<std::vector<core::Explained>> why_from(std::string_view text) { return tasks_in(text, explained_from); }

}  // namespace baton::wire
