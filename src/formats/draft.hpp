/// A step as it stands in the document: its `foreach` not yet multiplied, its links not yet followed. Private to formats/.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/model.hpp"
#include "formats/yaml_tree.hpp"

namespace baton::formats {

/// The values of a variable: as they are, and as they stand in a node's id (`align[a]`). Words are unique.
struct Values {
  std::vector<core::Value> values;
  std::vector<std::string> words;
};

/// A parameter, after `--set`. Its place is unknown where it was set.
struct ParamValue {
  core::Value value;
  core::Place place;
  mutable std::shared_ptr<const Values> list;  ///< made once, when the first `foreach` asks for it
};
using Params = std::map<std::string, ParamValue, std::less<>>;

struct Variable {
  std::string name;
  std::shared_ptr<const Values> values;
  core::Place place;
};

/// One item between the brackets of `reads[a,${foreach.x},*]`.
struct Selector {
  enum class Kind : std::uint8_t { word, variable, all };
  Kind kind = Kind::all;
  std::string text;  ///< the word, or the variable's name
};

/// `node`, `node.port`, `node[…]`, `node[…].port` as written.
struct Link {
  std::string text;
  std::string head;                 ///< before the brackets; without brackets: all of it, as ids may hold dots
  std::string inside;               ///< between the brackets
  std::vector<Selector> selectors;  ///< empty = no brackets
  std::string port;                 ///< after the brackets; empty without brackets
  core::Place place;
};

struct ParamLink {
  std::string name;
  core::Place place;
};

struct InputDraft {
  std::string port;
  std::variant<core::Literal, ParamLink, core::FileInput, Link> source;
};

/// A text in which `${…}` may stand: a word of the command, a variable of `env`.
struct Template {
  std::string text;
  core::Place place;
};

struct StepDraft {
  std::shared_ptr<core::Step> step = std::make_shared<core::Step>();
  std::vector<Variable> foreach;
  std::vector<InputDraft> inputs;
  std::vector<Link> after;
  std::vector<Template> command;
  std::map<std::string, Template> env;

  [[nodiscard]] const std::string& name() const { return step->name; }
  [[nodiscard]] core::Place place() const { return step->place; }
};

}  // namespace baton::formats
