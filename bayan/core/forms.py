"""What all our forms share."""

from typing import Any

from django import forms


class Controls(forms.Form):
    """A form whose fields look like the others of the page."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            # A box to tick is no field to write in.
            if isinstance(field.widget, forms.CheckboxInput):
                continue
            field.widget.attrs.setdefault("class", "control")
