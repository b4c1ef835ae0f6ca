/// What columns hold besides numbers and times: names of enums, and JSON.
#pragma once

#include "store/codec/codec.hpp"
#include "store/sqlite/database.hpp"

namespace baton::sqlite {

/// The rowid of a task: its run's tasks lie together, in order. 2^24 tasks, 2^39 runs.
[[nodiscard]] inline std::int64_t task_id(RunId run, std::size_t task) {
  BATON_ASSERT(task < (std::size_t{1} << 24));
  return (run.value() << 24) | static_cast<std::int64_t>(task);
}
[[nodiscard]] inline Index task_of(std::int64_t id) { return static_cast<Index>(id & ((1 << 24) - 1)); }

/// store.damaged, with the file.
[[noreturn]] inline void throw_damaged(const Database& database, std::string what) {
  throw Failure{{.code = "store.damaged",
                 .what = std::move(what),
                 .where = database.path(),
                 .way_out = "restore it from a backup, or move it away: without it every step is new and runs again"}};
}

/// What a column's text stands for. Throws Failure where it stands for nothing.
template <class T>
[[nodiscard]] T known(const Database& database, std::optional<T> value, std::string_view text) {
  if (!value)
    throw_damaged(database, "a column of the state file says '" + std::string(text) + "', which this Baton does not know");
  return std::move(*value);
}
template <class T>
[[nodiscard]] T decoded(const Database& database, Result<T> value) {
  if (!value) throw_damaged(database, value.error().what + " (it begins: " + value.error().where + ")");
  return std::move(*value);
}

[[nodiscard]] inline std::optional<std::string> errors_column(const std::vector<Error>& errors) {
  return errors.empty() ? std::nullopt : std::optional(store::to_json(errors));
}
[[nodiscard]] inline std::vector<Error> errors_from_column(const Database& database, std::optional<std::string_view> json) {
  return json ? decoded(database, store::errors_from(*json)) : std::vector<Error>{};
}
[[nodiscard]] inline std::shared_ptr<const core::Success> success_from_column(const Database& database,
                                                                              std::optional<std::string_view> json) {
  return json ? std::make_shared<const core::Success>(decoded(database, store::success_from(*json))) : nullptr;
}
[[nodiscard]] inline std::optional<std::string_view> if_any(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string_view>(text);
}

}  // namespace baton::sqlite
