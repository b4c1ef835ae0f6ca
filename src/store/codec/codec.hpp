/// Core types as the JSON texts that SQL stores keep in columns. Readers know every field that any version wrote; fields that are not
/// there have their default, so that rows of an older version stay valid (R19). Bytes that are not UTF-8 are written as U+FFFD.
/// Instants and durations are whole microseconds. Errors of all readers: store.damaged (`what` says where the text is wrong).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/run.hpp"

namespace baton::store {

/// The steps of a run, each once; its tasks refer to them by position.
using Steps = std::vector<std::shared_ptr<const core::Step>>;

[[nodiscard]] std::string to_json(const Steps& steps);
[[nodiscard]] Result<Steps> steps_from(std::string_view json);

/// @param step  position of `task.node.step` among the run's steps
[[nodiscard]] std::string to_json(const core::TaskDefinition& task, std::size_t step);
[[nodiscard]] Result<core::TaskDefinition> task_from(std::string_view json, const Steps& steps);

[[nodiscard]] std::string to_json(const core::Resources& resources);
[[nodiscard]] Result<core::Resources> resources_from(std::string_view json);

[[nodiscard]] std::string to_json(const core::Success& success);
[[nodiscard]] Result<core::Success> success_from(std::string_view json);

[[nodiscard]] std::string to_json(const core::Reasons& reasons);
[[nodiscard]] Result<core::Reasons> reasons_from(std::string_view json);

[[nodiscard]] std::string to_json(const std::vector<Error>& errors);
[[nodiscard]] Result<std::vector<Error>> errors_from(std::string_view json);

}  // namespace baton::store
