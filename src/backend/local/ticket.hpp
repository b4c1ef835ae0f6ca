/// What Baton has to know of a job to collect its end, also a Baton that did not send it: kept by the keeper beside the claim.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backend/local/messages.hpp"
#include "core/job.hpp"

namespace baton::local {

struct Ticket {
  core::RunKey run;
  std::string node;
  std::string folder;       ///< absolute: where its outputs are published, whoever collects them
  std::string work;         ///< absolute: the work directory; `<work>.log`, `<work>.in.json`, `<work>.out.json` beside it
  bool has_inputs = false;  ///< else BATON_INPUTS names a file that all such jobs share
  std::vector<core::Output> outputs;
  std::vector<core::Stamp> stamps;
  bool simulated = false;
  std::int64_t run_us = 0, silence_us = 0;  ///< its limits, for messages
  bool operator==(const Ticket&) const = default;

  [[nodiscard]] std::string log() const { return work + ".log"; }
  [[nodiscard]] std::string inputs_file() const { return work + ".in.json"; }
  [[nodiscard]] std::string outputs_file() const { return work + ".out.json"; }
};

[[nodiscard]] std::string encode(const Ticket& ticket);
/// Nothing: damaged, or of another version.
[[nodiscard]] std::optional<Ticket> decode_ticket(std::string_view bytes);

/// Where the job works: `<runs>/<run uuid>/<folder>@<attempt>`; where it is published: `<out>/<folder>`.
/// @param by_project  it is `<out>/<project>/<folder>`
[[nodiscard]] Ticket ticket_of(const core::Job& job, const std::string& runs, const std::string& out, bool by_project = false);
/// The job as the keeper is told of it; pure: the same job gives the same bytes (R1).
/// @param no_inputs  the file of those that have none: it holds `{}`
[[nodiscard]] Spec spec_of(const core::Job& job, const Ticket& ticket, const std::string& no_inputs);
/// Text of BATON_INPUTS: `{"port": value | path | list, …}`.
[[nodiscard]] std::string inputs_text(const core::Job& job);

}  // namespace baton::local
