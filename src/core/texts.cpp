// The names that columns, JSON and people see for the enums of run.hpp and job.hpp. They go out once and stay.
#include <array>
#include <string_view>

#include "core/job.hpp"
#include "core/run.hpp"

namespace baton::core {

namespace {

/// `names` in the order of the enumerators.
template <class Enum, std::size_t count>
std::string_view text_of(const std::array<std::string_view, count>& names, Enum value) {
  const auto index = static_cast<std::size_t>(value);
  BATON_ASSERT(index < count);
  return names[index];
}

template <class Enum, std::size_t count>
std::optional<Enum> value_of(const std::array<std::string_view, count>& names, std::string_view text) {
  for (std::size_t i = 0; i < count; ++i) {
    if (names[i] == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

constexpr std::array<std::string_view, 3> desires{"run", "cancel", "remove"};
constexpr std::array<std::string_view, 8> waitings{"nothing", "retry",     "backend", "elsewhere",
                                                   "cluster", "resources", "result",  "proof"};
constexpr std::array<std::string_view, 6> outcomes{"open", "succeeded", "failed", "aborted", "lost", "barred"};
constexpr std::array<std::string_view, 3> debts{"nothing", "release", "kill"};
constexpr std::array<std::string_view, 9> end_kinds{"ok",      "exit",   "signal",    "oom",  "timeout",
                                                    "silence", "output", "cancelled", "spawn"};
constexpr std::array<std::string_view, seen_count> sights{"silent",  "unknown", "barred",   "begun", "dead", "queued",
                                                          "lacking", "running", "finished", "done",  "erred"};

static_assert(static_cast<std::size_t>(Desire::remove) + 1 == desires.size());
static_assert(static_cast<std::size_t>(Waiting::proof) + 1 == waitings.size());
static_assert(static_cast<std::size_t>(Outcome::barred) + 1 == outcomes.size());
static_assert(static_cast<std::size_t>(Owed::kill) + 1 == debts.size());
static_assert(static_cast<std::size_t>(EndKind::spawn) + 1 == end_kinds.size());
static_assert(static_cast<std::size_t>(Seen::erred) + 1 == sights.size());

}  // namespace

std::string_view to_text(Desire desire) { return text_of(desires, desire); }
std::optional<Desire> desire_from(std::string_view text) { return value_of<Desire>(desires, text); }

std::string_view to_text(Waiting waiting) { return text_of(waitings, waiting); }
std::optional<Waiting> waiting_from(std::string_view text) { return value_of<Waiting>(waitings, text); }

std::string_view to_text(Outcome outcome) { return text_of(outcomes, outcome); }
std::optional<Outcome> outcome_from(std::string_view text) { return value_of<Outcome>(outcomes, text); }

std::string_view to_text(Owed owed) { return text_of(debts, owed); }
std::optional<Owed> owed_from(std::string_view text) { return value_of<Owed>(debts, text); }

std::string_view to_text(EndKind kind) { return text_of(end_kinds, kind); }
std::optional<EndKind> end_kind_from(std::string_view text) { return value_of<EndKind>(end_kinds, text); }

std::string_view to_text(Seen seen) { return text_of(sights, seen); }

}  // namespace baton::core
