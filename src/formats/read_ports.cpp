#include "formats/read_ports.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "core/substitute.hpp"
#include "formats/fields.hpp"
#include "formats/link.hpp"

namespace baton::formats {
namespace {

constexpr std::size_t name_bytes_max = 255;   // of one part of a path, on every file system that we know
constexpr std::size_t path_bytes_max = 4095;  // PATH_MAX
constexpr std::size_t path_parts_max = 64;    // of an output's name
constexpr std::size_t ports_max = 1000;       // inputs, outputs or files of one node

/// Nothing is replaced in paths; a `${…}` there is surely meant to be, so it is refused rather than looked for on the disk.
std::string path_text(const YamlNode& node, const Subject& subject, Complaints& bad) {
  auto path = text_of(node, subject, bad);
  const auto references = core::references(path);
  if (!references.empty()) {
    const auto reference = "${" + references.front().space + "." + references.front().name + "}";
    bad.add_in("input.bad_value", node.place, reference,
               "nothing is replaced in a path, but " + subject.text() + " holds '" + reference + "'",
               "'${…}' is for 'run', 'env' and the brackets of 'from' and 'after'");
  }
  if (path.size() > path_bytes_max) bad.add("input.bad_value", node.place, subject.text() + " is longer than a path can be");
  return path;
}

std::string absolute(std::string path, const std::string& base_dir) {
  while (path.starts_with("./")) path.erase(0, 2);
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (path.starts_with('/')) return path;
  return base_dir.ends_with('/') ? base_dir + path : base_dir + "/" + path;
}

std::string last_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= path.size();) {
    const auto end = std::min(path.find('/', start), path.size());
    const auto part = path.substr(start, end - start);
    if (!part.empty() && part != ".") parts.emplace_back(part);
    start = end + 1;
  }
  return parts;
}

/// The name of an output, without `.` and doubled `/`.
std::string output_name(const YamlNode& node, const Subject& subject, Complaints& bad) {
  const auto written = path_text(node, subject, bad);
  const auto parts = parts_of(written);
  const bool leaves = written.starts_with('/') || std::find(parts.begin(), parts.end(), "..") != parts.end();
  if (leaves || parts.empty()) {
    bad.add("input.outside_work_dir", node.place,
            subject.text() + " is " + quote(written) + ", which does not lie in the work directory",
            "write a name, as table.tsv: it is published to baton-out/ from there");
  }
  if (parts.size() > path_parts_max) bad.add("input.bad_value", node.place, subject.text() + " lies more than 64 folders deep");
  std::string name;
  for (const auto& part : parts) {
    if (part.size() > name_bytes_max)
      bad.add("input.bad_value", node.place, subject.text() + " holds a name of more than 255 bytes");
    name.append(name.empty() ? "" : "/").append(part);
  }
  return name;
}

bool by_stat(const YamlNode& node, const Subject& subject, Complaints& bad) {
  if (!node.is_scalar() || node.text != "stat") {
    bad.add("input.bad_value", node.place, subject.text() + " can only be 'stat'", "leave it out to compare the content");
  }
  return true;
}

/// The one of `kinds` that an object holds, and `digest` where allowed; complains of anything else.
struct Tagged {
  std::string_view kind;
  const YamlNode* value = nullptr;
  bool by_stat = false;
};
std::optional<Tagged> tagged(const YamlNode& node, const Subject& whose, std::span<const std::string_view> kinds,
                             const Subject& subject, Complaints& bad) {
  Tagged found;
  for (std::size_t i = 0; i < node.fields(); ++i) {
    const auto& key = node.key(i);
    const auto kind = std::find(kinds.begin(), kinds.end(), key.text);
    if (kind != kinds.end() && found.value != nullptr) {
      bad.add("input.bad_value", key.place, whose.text() + " is both " + quote(found.kind) + " and " + quote(key.text),
              "give one of them");
    } else if (kind != kinds.end()) {
      found = {*kind, &node.value(i), found.by_stat};
    }
  }
  if (found.value == nullptr) return std::nullopt;
  const bool path = found.kind == "file" || found.kind == "dir";
  for (std::size_t i = 0; i < node.fields(); ++i) {
    const auto& key = node.key(i);
    if (key.text == found.kind) continue;
    if (path && key.text == "digest") {
      found.by_stat = by_stat(node.value(i), {"digest", subject.owner}, bad);
    } else {
      const std::array<std::string_view, 2> known{found.kind, "digest"};
      complain_of_field(key, whose, std::span(known).first(path ? 2 : 1), bad);
    }
  }
  return found;
}

core::FileInput file_input(const Tagged& source, const Subject& subject, const Surroundings& around, Complaints& bad) {
  return {absolute(path_text(*source.value, subject, bad), around.base_dir), source.kind == "dir", source.by_stat};
}

/// `{form: reads.r1}` is an object like any other; but where its only field is all but `from` and its text looks like a link, it is meant
/// as one, and the task would find an object.
void check_near_miss(const YamlNode& node, const Subject& whose, const Surroundings& around, Complaints& bad) {
  if (node.fields() != 1 || !node.value(0).is_scalar()) return;
  const auto value = node.value(0).text;
  const std::array<std::string_view, 2> kinds{"from", "param"};
  const auto near = nearest(node.key(0).text, kinds);
  const auto dot = value.rfind('.');
  const bool link = near == "from" && dot != std::string_view::npos && dot + 1 < value.size() && is_id(value.substr(dot + 1));
  const bool param = near == "param" && around.params.find(value) != around.params.end();
  if (link || param) complain_of_field(node.key(0), whose, std::span(kinds).subspan(link ? 0 : 1, 1), bad);
}

InputDraft read_input(const YamlNode& key, const YamlNode& node, std::string_view owner, const Surroundings& around,
                      Complaints& bad) {
  InputDraft input{std::string(key.text), {}};
  const Subject subject{key.text, owner};
  if (node.is_scalar() && type_of(node) == ScalarType::null) {
    bad.add("input.wrong_type", node.place, "the input " + subject.text() + " is empty",
            "an input is a value, or {file: PATH}, {dir: PATH}, {from: node.port} or {param: NAME}");
  }
  if (node.is_object()) {
    const std::array<std::string_view, 4> kinds{"file", "dir", "from", "param"};
    const Subject whose{key.text, owner, "the input"};
    if (const auto source = tagged(node, whose, kinds, subject, bad)) {
      if (source->kind == "from") {
        input.source = read_link(*source->value, subject, bad);
      } else if (source->kind == "param") {
        auto name = text_of(*source->value, subject, bad);
        if (!bad.any()) (void)find_param(name, source->value->place, name, quote(owner), around.params, bad);
        input.source = ParamLink{std::move(name), source->value->place};
      } else {
        input.source = file_input(*source, subject, around, bad);
      }
      return input;
    }
    check_near_miss(node, whose, around, bad);
  }
  input.source = core::Literal{value_of(node, bad)};
  return input;
}

core::OutputKind value_kind(const YamlNode& node, const Subject& subject, Complaints& bad) {
  constexpr std::array<std::string_view, 5> names{"number", "integer", "string", "boolean", "json"};
  constexpr std::array<core::OutputKind, 5> kinds{core::OutputKind::number, core::OutputKind::integer, core::OutputKind::string,
                                                  core::OutputKind::boolean, core::OutputKind::json};
  const auto type = text_of(node, subject, bad);
  const auto found = std::find(names.begin(), names.end(), type);
  if (found != names.end()) return kinds[static_cast<std::size_t>(found - names.begin())];
  bad.add("input.bad_value", node.place, subject.text() + " has the type " + quote(type) + ", which is none",
          suggestion("the types are", type, names));
  return core::OutputKind::json;
}

core::Output read_output(const YamlNode& key, const YamlNode& node, std::string_view owner, Complaints& bad) {
  core::Output output;
  output.port = key.text;
  const Subject subject{key.text, owner};
  const std::array<std::string_view, 3> kinds{"file", "dir", "value"};
  const Subject whose{key.text, owner, "the output"};
  const auto made = node.is_object() ? tagged(node, whose, kinds, subject, bad) : std::nullopt;
  if (!made) {
    const bool unknown = node.is_object() && node.fields() > 0;
    if (unknown) {
      complain_of_field(node.key(0), whose, kinds, bad);
    } else {
      complain_of_type(node, subject, "{file: NAME}, {dir: NAME} or {value: TYPE}", bad);
    }
    return output;
  }
  if (made->kind == "value") {
    output.kind = value_kind(*made->value, subject, bad);
    return output;
  }
  output.kind = made->kind == "dir" ? core::OutputKind::directory : core::OutputKind::file;
  output.name = output_name(*made->value, subject, bad);
  output.by_stat = made->by_stat;
  return output;
}

/// The folders that a name lies in, innermost last: `a/b/c` gives `a` and `a/b`.
std::vector<std::string> folders_of(const std::string& name) {
  std::vector<std::string> folders;
  for (auto at = name.find('/'); at != std::string::npos; at = name.find('/', at + 1)) folders.push_back(name.substr(0, at));
  return folders;
}

bool few_enough(const YamlNode& node, const Subject& subject, Complaints& bad) {
  if (node.items.size() <= 2 * ports_max) return true;
  bad.add("input.too_big", node.place, subject.text() + " has more than " + std::to_string(ports_max) + " entries");
  return false;
}

/// Where the name of an output is written.
core::Place name_place(const core::Output& output, const YamlNode& outputs) {
  const auto* port = outputs.find(output.port);
  const auto* name = port->find(output.kind == core::OutputKind::file ? "file" : "dir");
  return name->place;
}

}  // namespace

std::vector<InputDraft> read_inputs(const YamlNode& node, std::string_view owner, const Surroundings& around, Complaints& bad) {
  std::vector<InputDraft> inputs;
  if (!is_object(node, {"inputs", owner}, "an object of ports", bad) || !few_enough(node, {"inputs", owner}, bad)) return inputs;
  for (std::size_t i = 0; i < node.fields() && !bad.any(); ++i) {
    if (check_id(node.key(i), "port", bad)) inputs.push_back(read_input(node.key(i), node.value(i), owner, around, bad));
  }
  return inputs;
}

std::vector<core::Output> read_outputs(const YamlNode& node, std::string_view owner, Complaints& bad) {
  std::vector<core::Output> outputs;
  if (!is_object(node, {"outputs", owner}, "an object of ports", bad) || !few_enough(node, {"outputs", owner}, bad))
    return outputs;
  for (std::size_t i = 0; i < node.fields() && !bad.any(); ++i) {
    if (check_id(node.key(i), "port", bad)) outputs.push_back(read_output(node.key(i), node.value(i), owner, bad));
  }
  return outputs;
}

void read_files(const YamlNode& node, std::string_view owner, const Surroundings& around, std::vector<core::FileInput>& files,
                Complaints& bad) {
  const Subject subject{"files", owner};
  if (!node.is_list()) return complain_of_type(node, subject, "a list of paths", bad);
  if (!few_enough(node, subject, bad)) return;
  std::map<std::string, std::string> path_of;  // by the name that it is copied under
  for (const auto& file : files) path_of.emplace(last_name(file.path), file.path);
  for (const auto* item : node.items) {
    if (bad.any()) return;
    const std::array<std::string_view, 2> kinds{"file", "dir"};
    const auto source = item->is_object() ? tagged(*item, subject, kinds, subject, bad) : Tagged{"file", item, false};
    if (!source) return complain_of_type(*item, subject, "a list of paths", bad);
    auto file = file_input(*source, subject, around, bad);
    const auto name = last_name(file.path);
    if (name.empty() || name == "." || name == "..") {
      bad.add("input.bad_value", source->value->place, quote(source->value->text) + " has no name to copy it under");
    }
    const auto [taken, is_new] = path_of.emplace(name, file.path);
    if (taken->second != file.path) {
      bad.add("input.duplicate", source->value->place,
              "two of the files of " + quote(owner) + " are copied under the name " + quote(name));
    }
    if (is_new) files.push_back(std::move(file));
  }
}

void check_work_dir(const core::Step& step, const YamlNode* outputs, Complaints& bad) {
  if (step.outputs.size() <= 1 && step.files.empty()) return;
  std::map<std::string, const core::Output*> by_name;
  const auto complain = [&](const core::Output& output, const std::string& other, std::string_view how) {
    bad.add("input.duplicate", name_place(output, *outputs),
            "the output " + quote(output.port) + " of " + quote(step.name) + std::string(how) + other,
            "give each output a name of its own");
  };
  for (const auto& output : step.outputs) {
    if (!is_path(output.kind) || bad.any()) continue;
    const auto [there, is_new] = by_name.emplace(output.name, &output);
    if (!is_new) complain(output, quote(there->second->port), " has the same name as ");
  }
  for (const auto& file : step.files) {
    const auto there = by_name.find(last_name(file.path));
    if (there != by_name.end()) complain(*there->second, quote(file.path), " would overwrite the copy of ");
  }
  for (const auto& [name, output] : by_name) {
    for (const auto& folder : folders_of(name)) {
      const auto there = by_name.find(folder);
      if (there != by_name.end()) complain(*output, quote(there->second->port), " lies in ");
    }
  }
}

const ParamValue* find_param(const std::string& name, core::Place place, std::string_view needle, const std::string& user,
                             const Params& params, Complaints& bad) {
  const auto found = params.find(name);
  if (found != params.end()) return &found->second;
  std::vector<std::string_view> known;
  for (const auto& [param, value] : params) known.push_back(param);
  bad.add_in("input.unknown_param", place, needle, user + " uses the parameter " + quote(name) + ", which is not in 'params'",
             suggestion("the parameters are", name, known));
  return nullptr;
}

}  // namespace baton::formats
