/// Inputs, outputs and files of a node. Private to formats/.
#pragma once

#include <string>
#include <vector>

#include "formats/complaints.hpp"
#include "formats/draft.hpp"
#include "formats/read_step.hpp"
#include "formats/yaml_tree.hpp"

namespace baton::formats {

[[nodiscard]] std::vector<InputDraft> read_inputs(const YamlNode& node, std::string_view owner, const Surroundings& around,
                                                  Complaints& bad);
[[nodiscard]] std::vector<core::Output> read_outputs(const YamlNode& node, std::string_view owner, Complaints& bad);
/// Adds to `files`; a path that is there already is passed over.
void read_files(const YamlNode& node, std::string_view owner, const Surroundings& around, std::vector<core::FileInput>& files,
                Complaints& bad);
/// Complains where outputs would overwrite one another, or one of the `files`, in the work directory. `outputs` is their object.
void check_work_dir(const core::Step& step, const YamlNode* outputs, Complaints& bad);

/// The value of `{param: NAME}`, or null after a complaint (input.unknown_param).
[[nodiscard]] const ParamValue* find_param(const std::string& name, core::Place place, std::string_view needle,
                                           const std::string& user, const Params& params, Complaints& bad);

}  // namespace baton::formats
