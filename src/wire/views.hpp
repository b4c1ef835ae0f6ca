/// What people see of runs as JSON, in both directions: the bodies of docs/api.md. Members that this version does not know are passed
/// over, those that are missing have their default. Times are ISO 8601 in UTC with microseconds.
/// Errors of all readers: api.invalid (`where` = the member).
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "core/run.hpp"
#include "ports/store.hpp"

namespace baton::wire {

using nlohmann::json;

/// Deeper bodies are refused (docs/api.md).
inline constexpr int depth_max = 64;

/// Errors: api.not_json (also: too deep).
[[nodiscard]] Result<json> parse(std::string_view text);
/// On one line. Bytes that are not UTF-8 are written as U+FFFD.
[[nodiscard]] std::string dump(const json& value);

[[nodiscard]] json json_of(const RunView& run);
[[nodiscard]] Result<RunView> run_from(const json& value);

[[nodiscard]] json json_of(const TaskView& task);
[[nodiscard]] Result<TaskView> task_from(const json& value);

/// @param node  whose attempt it is
[[nodiscard]] json json_of(const core::AttemptRecord& attempt, const NodeId& node);
[[nodiscard]] Result<core::AttemptRecord> attempt_from(const json& value);

[[nodiscard]] json json_of(const NodeView& node);
[[nodiscard]] Result<NodeView> node_from(const json& value);

[[nodiscard]] json json_of(const Error& error);
[[nodiscard]] Result<Error> error_from(const json& value);

/// `null` where it has not come.
[[nodiscard]] json json_of(std::optional<core::Instant> time);
/// `2026-11-28T18:30:37.123456Z`, as core::to_text writes it. None: another text.
[[nodiscard]] std::optional<core::Instant> instant_from(std::string_view text);

/// The id of an event: what its reader has seen. `run:fence` (docs/api.md, "Events").
struct Seen {
  RunId run;
  Fence fence;
  bool operator==(const Seen&) const = default;
};
[[nodiscard]] std::string to_text(const Seen& seen);
[[nodiscard]] std::optional<Seen> seen_from(std::string_view text);

}  // namespace baton::wire
