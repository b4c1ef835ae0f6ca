#include <gtest/gtest.h>

#include "core/job.hpp"
#include "core/plan.hpp"
#include "core/run.hpp"

namespace baton::core {
namespace {

using Texts = std::vector<std::string_view>;

/// Each text by its enumerator's position, read back by `from` where there is one.
template <class Enum>
Texts texts(std::size_t count, std::optional<Enum> (*from)(std::string_view)) {
  Texts all;
  for (std::size_t i = 0; i < count; ++i) {
    const auto text = to_text(static_cast<Enum>(i));
    all.push_back(text);
    if (from != nullptr) EXPECT_EQ(from(text), static_cast<Enum>(i)) << text;
  }
  if (from != nullptr) {
    EXPECT_EQ(from("no such name"), std::nullopt);
    EXPECT_EQ(from(""), std::nullopt);
  }
  return all;
}

TEST(Texts, of_what_columns_and_json_hold_never_change) {
  EXPECT_EQ(texts<Desire>(3, desire_from), (Texts{"run", "cancel", "remove"}));
  EXPECT_EQ(texts<Waiting>(8, waiting_from),
            (Texts{"nothing", "retry", "backend", "elsewhere", "cluster", "resources", "result", "proof"}));
  EXPECT_EQ(texts<Outcome>(6, outcome_from), (Texts{"open", "succeeded", "failed", "aborted", "lost", "barred"}));
  EXPECT_EQ(texts<Owed>(3, owed_from), (Texts{"nothing", "release", "kill"}));
  EXPECT_EQ(texts<EndKind>(9, end_kind_from),
            (Texts{"ok", "exit", "signal", "oom", "timeout", "silence", "output", "cancelled", "spawn"}));
  EXPECT_EQ(texts<Seen>(seen_count, nullptr),
            (Texts{"silent", "unknown", "barred", "begun", "dead", "queued", "lacking", "running", "finished", "done", "erred"}));
  EXPECT_EQ(texts<ReasonKind>(8, reason_kind_from),
            (Texts{"never-succeeded", "definition-changed", "input-changed", "output-missing", "output-changed", "upstream-runs",
                   "forced", "not-cached"}));
}

}  // namespace
}  // namespace baton::core
