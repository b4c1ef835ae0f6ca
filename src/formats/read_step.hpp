/// A node of the document, and `defaults`. Private to formats/.
#pragma once

#include <string>

#include "formats/complaints.hpp"
#include "formats/draft.hpp"
#include "formats/yaml_tree.hpp"

namespace baton::formats {

/// What all nodes of a document share.
struct Surroundings {
  std::string base_dir;  ///< relative paths begin here
  const Params& params;
};

/// The `defaults`, laid over what holds without them: a step without name, command and ports.
void read_defaults(const YamlNode& node, StepDraft& defaults, const Surroundings& around, Complaints& bad);
/// A node, laid over the defaults: of objects (`env`, `resources`, `timeout`, `retries`) each field by itself, `files` are joined, of all
/// else the node's stands.
[[nodiscard]] StepDraft read_step(const YamlNode& name, const YamlNode& node, const StepDraft& defaults,
                                  const Surroundings& around, Complaints& bad);

}  // namespace baton::formats
