/// Rows as core types. What a row says and this version does not know leaves this room as store.damaged.
#pragma once

#include <stdexcept>

#include "core/run_row.hpp"
#include "ports/store.hpp"
#include "postgres/rows.hpp"
#include "store/postgres/reference_run.hpp"

namespace baton::store {

/// Caught where the rows of an answer are read.
struct DamagedRow : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A run that the reference inserted, and that nobody has begun.
struct ForeignRun {
  RunId id;
  std::string uuid;  ///< what it will have as ours
  core::RunKey key;
  std::string dag;
};
[[nodiscard]] ForeignRun read_foreign_run(postgres::Row& row);
[[nodiscard]] ReferenceRow read_reference_row(postgres::Row& row);

// Each takes the columns of the macro of its name in statements.hpp.
[[nodiscard]] RunView read_run(postgres::Row& row);
[[nodiscard]] TaskView read_task(postgres::Row& row);
/// A row that read_task's columns carry for an attempt.
[[nodiscard]] core::OwedRecord read_owed(postgres::Row& row);
[[nodiscard]] core::AttemptRecord read_attempt(postgres::Row& row);
[[nodiscard]] NodeView read_node(postgres::Row& row);
[[nodiscard]] Outgoing read_message(postgres::Row& row);
[[nodiscard]] core::State read_state(postgres::Row& row);
/// user, project, iteration.
[[nodiscard]] core::RunKey read_key(postgres::Row& row);
[[nodiscard]] std::shared_ptr<const core::RunDefinition> read_definition(const RunView& run, const postgres::Rows& steps,
                                                                         const postgres::Rows& tasks);

}  // namespace baton::store
