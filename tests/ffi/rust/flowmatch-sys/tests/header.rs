//! Holds this crate against the header that is installed: a C program made of what the crate declares is
//! compiled with it. Functions are declared once more, so that the compiler refuses another type; constants
//! and layouts are printed and compared. CC is the compiler.
use std::path::Path;
use std::process::Command;

const FUNCTIONS: &str = include_str!("../src/functions.rs");

/// `*const *mut fm_net` to `fm_net *const *`.
fn c_type(rust: &str) -> String {
    if let Some(pointee) = rust.strip_prefix("*mut ") {
        return format!("{} *", c_type(pointee));
    }
    if let Some(pointee) = rust.strip_prefix("*const ") {
        return format!("{} const *", c_type(pointee));
    }
    let name = match rust {
        "i32" => "int32_t",
        "u32" => "uint32_t",
        "u64" => "uint64_t",
        "usize" => "size_t",
        "f32" => "float",
        "f64" => "double",
        "c_char" => "char",
        "c_void" => "void",
        other => other,
    };
    name.to_string()
}

/// `name(a: A, b: B) -> R` to `R name(A, B);`.
fn c_declaration(rust: &str) -> String {
    let (name, rest) = rust.split_once('(').unwrap();
    let (parameters, result) = rest.rsplit_once(')').unwrap();
    let types: Vec<String> =
        parameters.split(',').filter_map(|p| p.split_once(": ")).map(|(_, t)| c_type(t.trim())).collect();
    let types = if types.is_empty() { "void".to_string() } else { types.join(", ") };
    let result = result.trim().strip_prefix("-> ").unwrap_or("c_void");
    format!("{} {name}({types});\n", c_type(result))
}

fn field_name(rust: &str) -> &str {
    rust.trim_start_matches("r#")
}

fn c_program() -> String {
    let mut c = String::from("#include <stdio.h>\n");
    for header in ["", "_parts", "_guide", "_reflow", "_eval"] {
        c.push_str(&format!("#include <flowmatch{header}.h>\n"));
    }
    let functions: Vec<&str> =
        FUNCTIONS.split("pub fn ").skip(1).filter_map(|f| f.split(';').next()).collect();
    assert!(functions.len() > 100, "only {} functions were found", functions.len());
    functions.iter().for_each(|f| c += &c_declaration(f));
    c += "int main(void) {\n";
    for (name, _) in flowmatch_sys::CONSTANTS {
        c += &format!("printf(\"{name} = %lld\\n\", (long long)({name}));\n");
    }
    for s in flowmatch_sys::layouts() {
        let name = s.name;
        c += &format!("printf(\"{name}: size %zu\\n\", sizeof({name}));\n");
        for (field, _, _) in s.fields.iter().map(|(f, o, s)| (field_name(f), o, s)) {
            c += &format!("printf(\"{name}.{field}: at %zu, %zu bytes\\n\", offsetof({name}, {field}), ");
            c += &format!("sizeof((({name} *)0)->{field}));\n");
        }
    }
    c + "return 0;\n}\n"
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn from_environment(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_string())
}

/// What the header says, as lines.
fn header() -> Vec<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, program) = (folder.join("header.c"), folder.join("header"));
    std::fs::write(&source, c_program()).unwrap();
    let flags =
        run(Command::new(from_environment("PKG_CONFIG", "pkg-config")).args(["--cflags", "libflowmatch"]));
    let cc = from_environment("CC", "cc");
    let mut words = cc.split_whitespace();
    let mut compile = Command::new(words.next().unwrap());
    compile.args(words).args(["-std=c11", "-Werror"]).args(flags.split_whitespace());
    run(compile.arg(&source).arg("-o").arg(&program));
    run(&mut Command::new(&program)).lines().map(str::to_string).collect()
}

#[test]
fn crate_is_the_header() {
    let header = header();
    let in_header =
        |line: String| assert!(header.contains(&line), "the crate has {line}, which the header has not");

    assert!(flowmatch_sys::CONSTANTS.len() > 50);
    for (name, value) in flowmatch_sys::CONSTANTS {
        in_header(format!("{name} = {value}"));
    }
    for s in flowmatch_sys::layouts() {
        let name = s.name;
        for (field, offset, size) in &s.fields {
            in_header(format!("{name}.{}: at {offset}, {size} bytes", field_name(field)));
        }
        // A struct that says its size may be longer in a newer header; one that comes in arrays may not.
        let line = header.iter().find_map(|l| l.strip_prefix(&format!("{name}: size "))).unwrap();
        let size: usize = line.parse().unwrap();
        let fits = if s.fields[0].0 == "struct_size" { size >= s.size } else { size == s.size };
        assert!(fits, "{name} has {} bytes here, {size} in the header", s.size);
    }
}
