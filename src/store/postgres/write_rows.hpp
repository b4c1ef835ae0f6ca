/// Core types as parameters of the statements.
#pragma once

#include <vector>

#include "core/decide.hpp"
#include "ports/store.hpp"
#include "postgres/types.hpp"
#include "store/postgres/read_rows.hpp"

namespace baton::store {

/// All that makes a run, in one transaction; the first answer but two is that of insert_run.
[[nodiscard]] std::vector<postgres::Call> calls_to_create(const NewRun& run, const std::string& collection);
inline constexpr std::size_t created_answer = 2;

/// All that makes a run of the reference's ours, in one transaction; the first answer is empty where another replica was quicker, or the run
/// is not to be had any more: then nothing is written.
[[nodiscard]] std::vector<postgres::Call> calls_to_adopt(const ForeignRun& run, const std::vector<core::TaskDefinition>& tasks);

/// What a commit writes, in one transaction. `messages` and `open`: the position of the answer of commit_messages and commit_open; 0: there
/// is none. The first is that of commit_run.
struct CommitCalls {
  std::vector<postgres::Call> calls;
  std::size_t messages = 0;
  std::size_t open = 0;
};
[[nodiscard]] CommitCalls calls_to_commit(const core::Ticket& ticket, const core::Decision& decision);

[[nodiscard]] postgres::Parameters restamp_parameters(const ProjectId& project, const std::vector<Restamped>& successes);
[[nodiscard]] postgres::Parameters progress_parameters(const std::vector<ProgressWrite>& writes);
[[nodiscard]] postgres::Parameters key_parameters(const core::RunKey& run);

}  // namespace baton::store
