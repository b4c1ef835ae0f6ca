/// The start gate (R15): the object, named like the job, that decides whether the job is begun. Backends keep it where jobs run, and this is
/// the rule; the keeper of local jobs has it in another form, as whoever leaves its queue is in the journal first (backend/local/machine.hpp).
#pragma once

#include <cstdint>

#include "core/mutants.hpp"

namespace baton::core {

/// Who holds a job's claim: nobody yet, the job itself (it has begun), or a bar (it must never begin).
enum class Claim : std::uint8_t { none, job, bar };

/// Put-if-absent: who comes first gets it for ever. True: `by` has it now, and only now.
constexpr bool take(Claim& claim, Claim by) {
  if (by == Claim::job && mutant(Mutant::no_claim)) {
    claim = by;
    return true;
  }
  if (claim != Claim::none) return false;
  claim = by;
  return true;
}

}  // namespace baton::core
