//! Hierarchies chosen by what a person calls them.

use crate::{Controller, Error, ErrorKind, Hierarchy, Home, Layout, Version};

impl Layout {
    /// Finds the hierarchies of controllers (`memory`, `blkio`), those with a name (`name=systemd`) and the v2 tree
    /// (`v2`), each once, in the order of the layout; all of them where nothing is named.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for what the kernel does not know or no mounted hierarchy has; says which and why.
    pub fn choose(&self, names: &[String]) -> Result<Vec<&Hierarchy>, Error> {
        let mut chosen: Vec<usize> = names.iter().map(|name| self.find(name)).collect::<Result<_, _>>()?;
        if names.is_empty() {
            chosen = (0..self.hierarchies.len()).collect();
        }
        let hierarchies = self.hierarchies.iter().enumerate();
        Ok(hierarchies.filter(|(index, _)| chosen.contains(index)).map(|(_, hierarchy)| hierarchy).collect())
    }

    /// Finds one hierarchy by a controller, as `name=NAME` or as `v2`.
    fn find(&self, text: &str) -> Result<usize, Error> {
        if text == "v2" {
            let found = self.hierarchies.iter().position(|hierarchy| hierarchy.version == Version::V2);
            return found.ok_or_else(|| {
                unsupported("find the hierarchy", text, "it is not mounted")
                    .with_hint("mount -t cgroup2 none DIRECTORY")
            });
        }
        if let Some(name) = text.strip_prefix("name=") {
            let found = self.hierarchies.iter().position(|h| h.name.as_deref() == Some(name));
            return found.ok_or_else(|| {
                let named: Vec<&str> = self.hierarchies.iter().filter_map(|h| h.name.as_deref()).collect();
                let hint = match named.is_empty() {
                    true => "none with a name is".to_owned(),
                    false => format!("mounted with a name: {}", named.join(", ")),
                };
                unsupported("find the hierarchy", text, "it is not mounted").with_hint(hint)
            });
        }
        let controller = controller(text)?;
        match self.home(controller) {
            Home::Hierarchy(index) => Ok(index),
            home => Err(not_here(controller, home)),
        }
    }
}

/// Finds the controller that a person names.
///
/// # Errors
/// [`ErrorKind::Unsupported`] where there is none of that name; the hint says which there are.
pub fn controller(text: &str) -> Result<Controller, Error> {
    Controller::from_name(text).ok_or_else(|| {
        let known: Vec<&str> = Controller::ALL.into_iter().map(|known| known.name(Version::V1)).collect();
        unsupported("use the controller", text, "there is no such controller")
            .with_hint(format!("there are {}", known.join(", ")))
    })
}

/// Makes the error of a controller that has no home here.
pub(crate) fn not_here(controller: Controller, home: Home) -> Error {
    let name = controller.name(Version::V1);
    let operation = "use the controller";
    match home {
        Home::Disabled => {
            unsupported(operation, name, "it is disabled").with_hint("cgroup_disable= at boot names it")
        }
        Home::Absent => {
            unsupported(operation, name, "this kernel has none").with_hint("it was built without it")
        }
        Home::NotMounted | Home::Hierarchy(_) => unsupported(operation, name, "no mounted hierarchy has it")
            .with_hint(format!("`pal cgroup mount -c {name} DIRECTORY` makes one")),
    }
}

fn unsupported(operation: &str, object: &str, cause: &str) -> Error {
    Error::text(operation, object, cause, ErrorKind::Unsupported)
}
